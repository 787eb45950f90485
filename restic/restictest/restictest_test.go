package restictest_test

import (
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/restic/restictest"
)

func TestRepositoryInMemory(t *testing.T) {
	s, loc := restictest.New(t, restic.WithHostname("h"))
	if _, err := s.Backup(t.Context(), restic.BackupOptions{FS: fstest.MapFS{"a/b": {Data: []byte("text")}}}); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for range 20 {
		again, err := restic.Open(t.Context(), loc, restictest.Password, restic.WithoutCache())
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Log("20 times opened in", time.Since(start))
	files, err := s.FS(t.Context(), "latest")
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close() //nolint:errcheck // only read
	if text, err := fs.ReadFile(files, "a/b"); err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
}
