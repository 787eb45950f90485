package restic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"time"

	engfs "github.com/restic/restic/rwmlink/fs"
)

// missing is a path that is left out because it cannot be accessed.
type missing struct {
	path string
	err  error
}

// existing splits the paths into those that can be accessed and those that cannot. If
// none is left it returns ErrNoSource.
func existing(paths []string) (found []string, left []missing, err error) {
	for _, p := range paths {
		if _, err := engfs.Lstat(p); err != nil {
			left = append(left, missing{p, err})
			continue
		}
		found = append(found, p)
	}
	if len(found) > 0 {
		return found, left, nil
	}
	errs := []error{fmt.Errorf("backup: %w; nothing was written", ErrNoSource)}
	for _, m := range left {
		errs = append(errs, m.err)
	}
	return nil, left, errors.Join(errs...)
}

// source returns the file system to read and the targets in it.
func (r *backupRun) source(ctx context.Context, targets []string, at time.Time, warn warnFunc) (engfs.FS, []string, error) {
	switch {
	case r.FS != nil:
		return r.ioSource(ctx)
	case r.local():
		return engfs.Local{}, targets, nil
	}
	name := r.ReaderName
	if name == "" {
		name = "stdin"
	}
	name = path.Join("/", name)
	var rd io.ReadCloser = io.NopCloser(r.Reader)
	if len(r.Command) > 0 {
		cmd, err := engfs.NewCommandReader(ctx, r.Command, warn)
		if err != nil {
			return nil, nil, fmt.Errorf("backup: %w", err)
		}
		rd = cmd
	}
	r.stream = newStream(ctx, name, rd, r.AllowEmpty)
	source, err := engfs.NewReader(name, r.stream.pipe, engfs.ReaderOptions{ModTime: at, Mode: os.FileMode(0o644), AllowEmptyFile: true})
	if err != nil {
		return nil, nil, fmt.Errorf("backup: reading %s: %w", name, err)
	}
	return source, []string{name}, nil
}
