//go:build linux

package fusemount

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	_ "github.com/cesnet/rwm/internal/harness/cheapkeys"
	"github.com/cesnet/rwm/restic"
)

const password = "secret"

// newRepo makes a local repository.
func newRepo(t *testing.T) *restic.Session {
	t.Helper()
	s, err := restic.Init(t.Context(), restic.Local(filepath.Join(t.TempDir(), "repo")), password, restic.WithCacheDir(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// mountRepo mounts and unmounts at the end.
func mountRepo(t *testing.T, s *restic.Session, opts Options) *FileSystem {
	t.Helper()
	needFUSE(t)
	f, err := Mount(t.Context(), s, t.TempDir(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := f.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	return f
}

// noFUSE tells the kernel or the container that has no FUSE from a package that could
// be installed.
func noFUSE(t *testing.T, err error) {
	t.Helper()
	if f, notThere := os.OpenFile("/dev/fuse", os.O_RDWR, 0); notThere != nil {
		harness.NotHere(t, "no FUSE: "+notThere.Error())
	} else {
		f.Close()
	}
	harness.NotInstalled(t, err.Error())
}

func needFUSE(t *testing.T) {
	t.Helper()
	harness.NotShort(t)
	if err := available(Options{}); err != nil {
		noFUSE(t, err)
	}
}
