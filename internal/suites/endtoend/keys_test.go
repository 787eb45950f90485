package endtoend

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// The keys that the shipped command makes cost as much to guess as restic's own:
// nothing that makes keys cheap for tests is in it.
func TestShippedKeysAreStrong(t *testing.T) {
	t.Parallel()
	server := s3test.Shared(t)
	dir := t.TempDir()
	h := hostOf(t, server, buildRwm(t), dir, dir)
	h.run(t, "restic", "init")
	another := filepath.Join(dir, "another")
	must(t, os.WriteFile(another, []byte("another password"), 0o600))
	h.run(t, "restic", "key", "add", "--new-password-file", another)

	client, keys := server.Client(t, server.Host), 0
	for o := range client.ListObjects(t.Context(), h.bucket, minio.ListObjectsOptions{Prefix: "keys/"}) {
		must(t, o.Err)
		body, err := client.GetObject(t.Context(), h.bucket, o.Key, minio.GetObjectOptions{})
		must(t, err)
		raw, err := io.ReadAll(body)
		must(t, err)
		var key struct {
			KDF     string
			N, R, P int
		}
		must(t, json.Unmarshal(raw, &key))
		// restic begins at 2^15 and halves that until a guess takes half a second, so a
		// busy machine gets less; the keys that tests make have 2^7 and an R of 1.
		if key.KDF != "scrypt" || key.N < 1<<11 || key.R != 8 || key.P < 1 {
			t.Errorf("a weak key: %+v", key)
		}
		keys++
	}
	if keys != 2 {
		t.Errorf("%d keys, want 2", keys)
	}
}
