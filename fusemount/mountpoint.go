//go:build linux || darwin || freebsd

package fusemount

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/cesnet/rwm/restic"
)

// prepare returns the real path of an empty directory that can be mounted on.
func prepare(dir string, loc restic.Location, log *slog.Logger) (string, error) {
	refuse := func(format string, args ...any) (string, error) {
		return "", fmt.Errorf("%w: %s: %w", ErrMountpoint, dir, fmt.Errorf(format, args...))
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return refuse("%w", err)
	}
	// the directory itself cannot be examined while a stale mount is on it
	if parent, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil {
		if err := cleanStale(filepath.Join(parent, filepath.Base(abs)), log); err != nil {
			return refuse("%w", err)
		}
	}
	path, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return refuse("%w", err)
	}
	if err := cleanStale(path, log); err != nil {
		return refuse("%w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return refuse("%w", err)
	}
	if !info.IsDir() {
		return refuse("it is not a directory")
	}
	if repo, ok := restic.LocalDir(loc); ok {
		if real, err := filepath.EvalSymlinks(repo); err == nil {
			repo = real
		}
		if inside(path, repo) || inside(repo, path) {
			return refuse("it would hide the repository %s from itself", repo)
		}
	}
	if what := mountedOn(path); what != "" {
		return refuse("%s is mounted on it", what)
	}
	switch empty, err := isEmpty(path); {
	case err != nil:
		return refuse("%w", err)
	case !empty:
		return refuse("it is not empty; the mount would hide what is in it")
	}
	return path, nil
}

// inside reports whether path is dir or below it. Both are real paths.
func inside(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

func isEmpty(dir string) (bool, error) {
	d, err := os.Open(dir)
	if err != nil {
		return false, err
	}
	defer d.Close()
	names, err := d.Readdirnames(1)
	if err == io.EOF {
		err = nil
	}
	return len(names) == 0, err
}
