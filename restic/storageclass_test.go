package restic

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/s3test"
)

// classes notes the storage class that each kind of object is written with.
type classes struct {
	mu   sync.Mutex
	seen map[string]string
}

func (c *classes) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodPut && strings.Count(req.URL.Path, "/") > 1 {
		kind := strings.Split(req.URL.Path, "/")[2]
		if kind == "data" { // of two packs here, one is of trees
			kind += " " + req.Header.Get("X-Amz-Storage-Class")
		}
		c.mu.Lock()
		c.seen[kind] = req.Header.Get("X-Amz-Storage-Class")
		c.mu.Unlock()
	}
	return http.DefaultTransport.RoundTrip(req)
}

func TestStorageClass(t *testing.T) {
	for class, want := range map[string]map[string]string{
		"STANDARD_IA": {"keys": "STANDARD_IA", "config": "STANDARD_IA", "snapshots": "STANDARD_IA", "index": "STANDARD_IA", "locks": "STANDARD_IA", "data STANDARD_IA": "STANDARD_IA"},
		"GLACIER":     {"keys": "", "config": "", "snapshots": "", "index": "", "locks": "", "data ": "", "data GLACIER": "GLACIER"},
	} {
		srv := s3test.Start(t)
		if !srv.Controlled() {
			harness.NotOnThisServer(t, "which storage classes it has is not known")
		}
		rec := &classes{seen: map[string]string{}}
		loc := versionedBucket(t, srv)
		via := S3(srv.ClientVia(t, srv.Admin, rec), loc.bucket, "")
		s, err := Init(t.Context(), via, testPassword, WithoutCache(), WithStorageClass(class))
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(file, []byte("some data"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Backup(t.Context(), BackupOptions{Paths: []string{file}}); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for kind, got := range rec.seen {
			if expected, known := want[kind]; !known || got != expected {
				t.Errorf("%s: %s are written as %q", class, kind, got)
			}
		}
		if len(rec.seen) != len(want) {
			t.Errorf("%s: %v", class, rec.seen)
		}
	}
}
