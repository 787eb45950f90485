package restic

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// What an attacker does to a bucket, and then the moment before and the one after: keys
// of the moment judge, and a cache that has seen everything hides nothing.
func TestProveAsOf(t *testing.T) {
	ctx := t.Context()
	srv := s3test.Start(t)
	loc := versionedBucket(t, srv)
	s, err := Init(ctx, loc, testPassword, WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	dir := writeTree(t, sampleFiles())
	backupAt(t, s, time.Now(), "h", nil, dir)
	before := currentObjects(t, loc)
	if _, err := s.ChangePassword(ctx, "the attacker's", KeyOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	changed := currentObjects(t, loc)
	cache := WithCacheDir(t.TempDir())
	prove := func(name string, list []ObjectVersion, o ProveOptions) (*Proof, error) {
		return Prove(ctx, AsOf(loc.client, loc.bucket, "", "as of "+name, slices.Values(list)), testPassword, o, cache)
	}
	if proof, err := prove("before", before, ProveOptions{}); err != nil {
		t.Errorf("%+v %v", proof, err)
	}
	if proof, err := prove("after", changed, ProveOptions{}); !errors.Is(err, ErrWrongPassword) || proof.Verdict != NotProved {
		t.Errorf("%+v %v", proof, err)
	}
	// every object but the keys and the config, overwritten with as many other bytes
	for _, o := range before {
		if !strings.HasPrefix(o.Key, "data/") && !strings.HasPrefix(o.Key, "index/") && !strings.HasPrefix(o.Key, "snapshots/") {
			continue
		}
		junk := strings.NewReader(strings.Repeat("x", int(o.Size)))
		if _, err := loc.client.PutObject(ctx, loc.bucket, o.Key, junk, o.Size, minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
		var list []ObjectVersion
		for _, now := range currentObjects(t, loc) {
			if now.Key == o.Key {
				list = append(list, now)
			}
		}
		for _, other := range before {
			if other.Key != o.Key {
				list = append(list, other)
			}
		}
		// from the listing alone this cannot be told; the caller knows what was
		// overwritten
		proof, err := prove("rewritten", list, ProveOptions{Suspect: func(key string) bool { return key == o.Key }})
		if !errors.Is(err, ErrBroken) || !slices.ContainsFunc(proof.Broken, func(b BrokenObject) bool { return b.Object == o.Key }) {
			t.Errorf("%s rewritten: %+v %v", o.Key, proof, err)
		}
		list = slices.DeleteFunc(list, func(v ObjectVersion) bool { return v.Key == o.Key })
		proof, err = prove("removed", list, ProveOptions{})
		if want := !strings.HasPrefix(o.Key, "snapshots/"); want != errors.Is(err, ErrBroken) {
			t.Errorf("%s removed: %+v %v", o.Key, proof, err)
		}
	}
	if proof, err := prove("before, again", before, ProveOptions{Suspect: func(string) bool { return true }, PackHeaders: true}); err != nil || proof.PacksRead != proof.Packs {
		t.Errorf("%+v %v", proof, err)
	}
}

// What the cache has wrong, by accident or by another program, is fetched again.
func TestProveDamagedCache(t *testing.T) {
	loc := wholeRepository(t)
	dir := t.TempDir()
	if _, err := proveLocal(t, loc, ProveOptions{}, WithCacheDir(dir)); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func([]byte) []byte{"cut": cut, "altered": flip, "emptied": func([]byte) []byte { return []byte{} }} {
		n := 0
		for _, kind := range []string{"data", "index", "snapshots"} {
			files, _ := filepath.Glob(filepath.Join(dir, "proof", "*", kind, "*", "*"))
			for _, file := range files {
				raw := readFile(t, file)
				if err := os.WriteFile(file, change(raw), 0o600); err != nil {
					t.Fatal(err)
				}
				n++
			}
		}
		if _, err := proveLocal(t, loc, ProveOptions{}, WithCacheDir(dir)); err != nil || n < 4 {
			t.Errorf("%s (%d files): %v", name, n, err)
		}
		if _, err := proveLocal(t, loc, ProveOptions{}, WithCacheDir(dir)); err != nil { // fills it again
			t.Error(err)
		}
	}
}
