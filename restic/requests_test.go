package restic

import (
	"fmt"
	"testing"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

func requestLines(t testing.TB, srv *s3test.Server) []string {
	t.Helper()
	var lines []string
	for _, r := range srv.Requests(t) {
		lines = append(lines, fmt.Sprintf("%s %s?%s", r.Method, r.Path, r.Query))
	}
	return lines
}

// TestRequestsOfASession counts what ten small backups in one session cost; ten runs of
// restic's command make 140 requests.
func TestRequestsOfASession(t *testing.T) {
	srv := s3test.Start(t)
	loc := newBucket(t, srv)
	cacheDir := t.TempDir()
	s, err := Init(t.Context(), loc, testPassword, WithCacheDir(cacheDir))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	srv.ResetRequests(t)
	if s, err = Open(t.Context(), loc, testPassword, WithCacheDir(cacheDir)); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		dir := writeTree(t, map[string]string{"file": fmt.Sprint("content ", i)})
		if _, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	lines := requestLines(t, srv)
	// open 3, lock 3, index and snapshots 2, unlock 1, and each backup two packs, an
	// index, a look at the lock and a snapshot
	if len(lines) != 59 {
		for _, l := range lines {
			t.Log(l)
		}
		t.Errorf("%d requests", len(lines))
	}
}
