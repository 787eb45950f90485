package s3state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cesnet/rwm/internal/s3err"
)

func markText(source string, m Moment) []byte {
	text, _ := json.Marshal(struct {
		Source string
		Moment Moment
	}{source, m})
	return text
}

// openTarget refuses directories that hold something else, before anything is made. It
// returns nil if the directory has yet to be made.
func openTarget(dir, source string, m Moment) (*os.Root, error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look into the target directory: %w", err)
	case len(entries) == 0:
		return nil, nil
	}
	mark, err := os.ReadFile(filepath.Join(dir, downloadMark))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, s3err.As(ErrTargetExists, nil, "directory %s is not empty; choose another, nothing was changed", dir)
	case err != nil:
		return nil, err
	case string(mark) != string(markText(source, m)):
		return nil, s3err.As(ErrTargetExists, nil, "directory %s holds an unfinished restore of something else; choose another, nothing was changed", dir)
	}
	return os.OpenRoot(dir)
}

func makeTarget(dir, source string, m Moment) (*os.Root, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	if err := root.WriteFile(downloadMark, markText(source, m), 0o600); err != nil {
		root.Close()
		return nil, err
	}
	return root, nil
}

// downloadMark is in the directory as long as it is not complete.
const downloadMark = ".rwm-restore-unfinished.json"
