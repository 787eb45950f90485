package restic

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	engbackend "github.com/restic/restic/rwmlink/backend"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// hiding is a storage whose listings lack a key, though it can still be read.
type hiding struct {
	*memory
	hidden string
}

func (h *hiding) backend(context.Context, *options, bool) (engbackend.Backend, error) { return h, nil }

func (h *hiding) List(ctx context.Context, t engbackend.FileType, fn func(engbackend.FileInfo) error) error {
	return h.memory.List(ctx, t, func(fi engbackend.FileInfo) error {
		if fi.Name == h.hidden {
			return nil
		}
		return fn(fi)
	})
}

// lastKeyFile is the only file in which a key's name is remembered below dir.
func lastKeyFile(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "last-keys", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	return files[0]
}

// The second opening asks for the key before the listing is answered, and for nothing
// twice.
func TestLastKeyIsAskedForAhead(t *testing.T) {
	_, m := initMemory(t)
	dir := t.TempDir()
	for i := range 3 {
		var mu sync.Mutex
		asked := map[string]int{}
		loaded := make(chan struct{})
		h := &hookedKeys{memory: m, note: func(op string) {
			mu.Lock()
			asked[op]++
			mu.Unlock()
			switch {
			case op == "load key":
				close(loaded)
			case op == "list key" && i > 0 && !soon(loaded):
				t.Error("the key was not asked for beside the listing")
			}
		}}
		s, err := Open(t.Context(), h, testPassword, WithCacheDir(dir), WithRetryFor(0))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if len(asked) != 3 || asked["list key"] != 1 || asked["load key"] != 1 || asked["load config"] != 1 {
			t.Error(i, asked)
		}
	}
}

// hookedKeys notes the requests of an opening, without the memory's own limit of two at
// a time.
type hookedKeys struct {
	*memory
	note func(op string)
}

func (h *hookedKeys) backend(context.Context, *options, bool) (engbackend.Backend, error) {
	return h, nil
}

func (h *hookedKeys) List(ctx context.Context, t engbackend.FileType, fn func(engbackend.FileInfo) error) error {
	h.note("list " + t.String())
	return h.memory.List(ctx, t, fn)
}

func (h *hookedKeys) Load(ctx context.Context, handle engbackend.Handle, length int, offset int64, fn func(io.Reader) error) error {
	h.note("load " + handle.Type.String())
	return h.memory.Load(ctx, handle, length, offset, fn)
}

// A key that is not listed any more opens nothing, wherever its name is remembered.
func TestLastKeyThatIsGone(t *testing.T) {
	s, m := initMemory(t)
	dir := t.TempDir()
	opened := openAgain(t, m, WithCacheDir(dir))
	first := opened.KeyID().String()
	if _, err := s.AddKey(t.Context(), "another", KeyOptions{}); err != nil {
		t.Fatal(err)
	}
	h := &hiding{m, first}
	if _, err := Open(t.Context(), h, testPassword, WithCacheDir(dir), WithRetryFor(0)); !errors.Is(err, ErrWrongPassword) {
		t.Error(err)
	}
	other, err := Open(t.Context(), h, "another", WithCacheDir(dir), WithRetryFor(0))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	if raw, err := os.ReadFile(lastKeyFile(t, dir)); err != nil || string(raw) != other.KeyID().String() {
		t.Errorf("%s is remembered: %v", raw, err)
	}
}

// What is remembered may be anything.
func TestSpoiledLastKey(t *testing.T) {
	_, m := initMemory(t)
	for _, name := range []string{"", "../../config", strings.Repeat("0", 64), strings.Repeat("F", 64), strings.Repeat("x", 1<<20)} {
		dir := t.TempDir()
		if err := openAgain(t, m, WithCacheDir(dir)).Close(); err != nil {
			t.Fatal(err)
		}
		file := lastKeyFile(t, dir)
		if err := os.WriteFile(file, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		s := openAgain(t, m, WithCacheDir(dir))
		if raw, err := os.ReadFile(file); err != nil || string(raw) != s.KeyID().String() {
			t.Errorf("%.80q stayed, now %.80q: %v", name, raw, err)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(file, 0o700); err != nil {
			t.Fatal(err)
		}
		openAgain(t, m, WithCacheDir(dir))
	}
	dir := t.TempDir()
	openAgain(t, m, WithCacheDir(dir), WithKeyHint("0"))
	openAgain(t, m, WithoutCache())
	_, local := initLocal(t)
	openAgain(t, local, WithCacheDir(dir))
	if _, err := os.Stat(filepath.Join(dir, "last-keys")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a name was remembered in spite of a hint, or of a directory", err)
	}
}

// On S3 as well no request is made twice, that for the region included.
func TestRequestsOfAnOpening(t *testing.T) {
	srv := s3test.Start(t)
	loc := newBucket(t, srv)
	bucket := loc.(*s3Location)
	s, err := Init(t.Context(), loc, testPassword, WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for range 2 {
		srv.ResetRequests(t)
		endpoint := bucket.client.EndpointURL()
		client, err := minio.New(endpoint.Host, &minio.Options{
			Creds: credentials.NewStaticV4(srv.Admin.AccessKey, srv.Admin.SecretKey, ""), BucketLookup: minio.BucketLookupPath,
		})
		if err != nil {
			t.Fatal(err)
		}
		s := openAgain(t, S3(client, bucket.bucket, ""), WithCacheDir(dir))
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if lines := requestLines(t, srv); len(lines) != 4 {
			t.Error(strings.Join(lines, "\n"))
		}
	}
}

// The key that opened the session is not read again to be listed; any other is.
func TestKeysReadsNoKeyTwice(t *testing.T) {
	srv := s3test.Start(t)
	loc := newBucket(t, srv)
	s, err := Init(t.Context(), loc, testPassword, WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddKey(t.Context(), "another", KeyOptions{User: "u", Host: "h"}); err != nil {
		t.Fatal(err)
	}
	whole, err := s.Keys(t.Context())
	if err != nil || len(whole) != 2 || whole[0].Created.IsZero() || whole[1].User != "u" || whole[1].Host != "h" {
		t.Fatal(err, whole)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := openAgain(t, loc, WithoutCache())
	srv.ResetRequests(t)
	keys, err := again.Keys(t.Context())
	if err != nil || !slices.Equal(keys, whole) {
		t.Errorf("%v\n%+v, want\n%+v", err, keys, whole)
	}
	read := 0
	for _, line := range requestLines(t, srv) {
		if strings.HasPrefix(line, "GET ") && strings.Contains(line, "/keys/") {
			read++
		}
	}
	if read != 1 {
		t.Errorf("%d keys were read: %s", read, strings.Join(requestLines(t, srv), "\n"))
	}
}
