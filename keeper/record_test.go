package keeper

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/cesnet/rwm/internal/readfile"
)

// A metrics_file that is a link stays one, and root keeps its /dev/stdout.
func TestWriteFileReplacesFilesOnly(t *testing.T) {
	dir := t.TempDir()
	file, link, stdout := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "stdout")
	if err := errors.Join(os.Symlink("file", link), os.Symlink("/proc/self/fd/1", stdout)); err != nil {
		t.Skip(err)
	}
	for _, content := range []string{"first", "second"} {
		if err := WriteFile(link, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(file); string(got) != content {
			t.Errorf("%q %v", got, err)
		}
	}
	if err := WriteFile(stdout, nil, 0o600); !errors.Is(err, readfile.ErrNoFile) {
		t.Error(err)
	}
	if to, err := os.Readlink(stdout); to != "/proc/self/fd/1" {
		t.Error(to, err)
	}
}
