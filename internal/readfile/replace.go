package readfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrNoFile: the name belongs to something other than a regular file, which must not be
// replaced.
var ErrNoFile = errors.New("not a regular file")

// Replaceable returns the name to replace a file by: for a symbolic link that of its
// target, so that the link stays. It refuses pipes, devices and whatever is reached
// through /proc: root would otherwise replace its /dev/stdout. A name that does not
// exist is returned as it is.
func Replaceable(name string) (string, error) {
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return name, nil
	}
	if err == nil && info.Mode().Type() == fs.ModeSymlink {
		return link(name)
	}
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w", name, ErrNoFile)
	}
	return name, err
}

// link follows a chain of links.
func link(name string) (string, error) {
	for range 40 { // as the kernel does
		to, err := os.Readlink(name)
		if err != nil {
			return Replaceable(name)
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(name), to)
		}
		if name = to; strings.HasPrefix(filepath.Clean(name), "/proc/") {
			break
		}
	}
	return "", fmt.Errorf("%s: %w", name, ErrNoFile)
}
