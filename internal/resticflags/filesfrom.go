package resticflags

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/cesnet/rwm/internal/readfile"
)

// listedPaths are the paths in the files of the --files-from… flags.
func (b *Backup) listedPaths(ctx context.Context, stdin io.Reader, warn func(text string)) (paths []string, err error) {
	read := func(flag string, files []string, load func(ctx context.Context, name string) ([]byte, error), take func(data []byte) error) {
		for _, name := range files {
			if err != nil {
				return
			}
			var data []byte
			if name == "-" {
				data, err = readfile.Until(ctx, func() ([]byte, error) { return readAll(stdin) })
			} else {
				data, err = load(ctx, name)
			}
			if err == nil {
				err = take(data)
			}
			if err != nil {
				err = fmt.Errorf("%s: %w", flag, err)
			}
		}
	}
	read("--files-from", b.FilesFrom, ReadText, func(data []byte) error {
		for _, line := range lines(data) {
			pattern := strings.TrimSpace(line)
			if pattern == "" || strings.HasPrefix(pattern, "#") {
				continue
			}
			found, err := filepath.Glob(pattern)
			if err != nil {
				return fmt.Errorf("pattern %q: %w", pattern, err)
			}
			if len(found) == 0 && warn != nil {
				warn(fmt.Sprintf("pattern %q does not match any files, skipping", pattern))
			}
			paths = append(paths, found...)
		}
		return nil
	})
	read("--files-from-verbatim", b.FilesFromVerbatim, ReadText, func(data []byte) error {
		for _, line := range lines(data) {
			if line != "" {
				paths = append(paths, line)
			}
		}
		return nil
	})
	read("--files-from-raw", b.FilesFromRaw, readFile, func(data []byte) error {
		if len(data) > 0 && data[len(data)-1] != 0 {
			return errors.New("the last name is not ended by a zero byte")
		}
		for name := range bytes.SplitSeq(bytes.TrimSuffix(data, []byte{0}), []byte{0}) {
			if len(data) == 0 {
				break
			}
			if len(name) == 0 {
				return errors.New("there is an empty name")
			}
			paths = append(paths, string(name))
		}
		return nil
	})
	return paths, err
}

func readAll(stdin io.Reader) ([]byte, error) {
	if stdin == nil {
		return nil, errors.New("there is no standard input")
	}
	return io.ReadAll(stdin)
}

func lines(data []byte) []string {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	scanner := bufio.NewScanner(bytes.NewReader(data))
	scanner.Buffer(nil, len(data)+1)
	var all []string
	for scanner.Scan() {
		all = append(all, scanner.Text())
	}
	return all
}
