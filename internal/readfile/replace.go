package readfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrNoFile: what has the name is no file that another one may take the place of.
var ErrNoFile = errors.New("not a regular file")

// Replaceable returns the name by which a file is replaced: that of the file a link
// leads to, so that the link stays. Pipes and devices are refused, and so is what leads
// through /proc, whatever it is: root would lose its /dev/stdout. A name that is free is
// returned as it is.
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

// link follows one link after the other.
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
