package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// setExtras gives files of the source what not every system has: extended
// attributes, and another owner.
func setExtras(t *testing.T, data string) {
	t.Helper()
	for _, name := range []string{"user.color", "user.shape"} {
		if err := unix.Setxattr(filepath.Join(data, "one"), name, []byte("some "+name), 0); err != nil {
			t.Logf("no extended attributes here: %v", err)
		}
	}
	if os.Getuid() == 0 {
		if err := os.Chown(filepath.Join(data, "sub", "two.txt"), 1, 1); err != nil {
			t.Fatal(err)
		}
	}
}

// extras are those of a restored file.
func extras(path string, info fs.FileInfo) string {
	text := ""
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		text = fmt.Sprintf(" owner %d:%d", s.Uid, s.Gid)
	}
	for _, name := range []string{"user.color", "user.shape"} {
		value := make([]byte, 100)
		if n, err := unix.Lgetxattr(path, name, value); err == nil {
			text += fmt.Sprintf(" %s=%q", name, value[:n])
		}
	}
	return text
}
