//go:build linux

package fusemount

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

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

func needFUSE(t *testing.T) {
	t.Helper()
	if err := available(Options{}); err != nil {
		if os.Getenv("RWM_REQUIRE") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}
