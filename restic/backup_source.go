package restic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"time"

	"github.com/restic/restic/rwmlink/fs"
)

// missing is a path that is left out because it cannot be looked at.
type missing struct {
	path string
	err  error
}

// existing divides the paths into those that can be looked at and those that cannot. When none is left it returns ErrNoSource.
func existing(paths []string) (found []string, left []missing, err error) {
	for _, p := range paths {
		if _, err := fs.Lstat(p); err != nil {
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
func (b *BackupOptions) source(ctx context.Context, targets []string, at time.Time, warn warnFunc) (fs.FS, []string, error) {
	if b.local() {
		return fs.Local{}, targets, nil
	}
	name := b.ReaderName
	if name == "" {
		name = "stdin"
	}
	name = path.Join("/", name)
	var rd io.ReadCloser = io.NopCloser(b.Reader)
	if len(b.Command) > 0 {
		cmd, err := fs.NewCommandReader(ctx, b.Command, warn)
		if err != nil {
			return nil, nil, fmt.Errorf("backup: %w", err)
		}
		rd = cmd
	}
	source, err := fs.NewReader(name, prompt(ctx, rd), fs.ReaderOptions{ModTime: at, Mode: os.FileMode(0o644)})
	if err != nil {
		return nil, nil, fmt.Errorf("backup: reading %s: %w", name, err)
	}
	return source, []string{name}, nil
}

// prompt makes reading from a source end with the context. The read of a pipe does not, as long as whoever holds its other end writes nothing:
// for instance what a command has started and left behind.
func prompt(ctx context.Context, rd io.ReadCloser) io.ReadCloser {
	pr, pw := io.Pipe()
	stop := context.AfterFunc(ctx, func() { pw.CloseWithError(ctx.Err()) })
	go func() {
		defer stop()
		_, err := io.Copy(pw, rd)
		pw.CloseWithError(errors.Join(err, rd.Close())) // nil means the end
	}()
	return pr
}
