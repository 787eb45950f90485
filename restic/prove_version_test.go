package restic

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// An attacker overwrites a pack with as many other bytes, and a lifecycle rule removes
// the version below it, so that nothing shows any more that it was written twice. What
// is known of that version, and what the cache has of it, says nothing about the other.
func TestProofKnowsVersions(t *testing.T) {
	ctx := t.Context()
	loc := versionedBucket(t, s3test.Start(t))
	s, err := Init(ctx, loc, testPassword, WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	backupAt(t, s, time.Now(), "h", nil, writeTree(t, sampleFiles()))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	ledger, cache := &Ledger{}, WithCacheDir(t.TempDir())
	prove := func() (*Proof, error) {
		return Prove(ctx, AsOf(loc.client, loc.bucket, "", "as of now", slices.Values(currentObjects(t, loc))), testPassword,
			ProveOptions{PackHeaders: true, Ledger: ledger}, cache)
	}
	for i := range 2 {
		if proof, err := prove(); err != nil || (proof.PacksRead == 0) != (i == 1) {
			t.Fatalf("%+v, %v", proof, err)
		}
	}
	broken := 0
	for _, o := range currentObjects(t, loc) {
		if !strings.HasPrefix(o.Key, "data/") {
			continue
		}
		read, err := loc.client.GetObject(ctx, loc.bucket, o.Key, minio.GetObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		body := make([]byte, o.Size)
		if _, err := io.ReadFull(read, body); err != nil {
			t.Fatal(err)
		}
		put := func(body string) {
			if _, err := loc.client.PutObject(ctx, loc.bucket, o.Key, strings.NewReader(body), o.Size, minio.PutObjectOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		put(strings.Repeat("x", len(body)))
		if proof, err := prove(); !errors.Is(err, ErrBroken) || proof.Broken[0].Object != o.Key {
			t.Errorf("%s: %+v, %v", o.Key, proof, err)
		}
		// All but the header, which is at the end: that only a pack of trees shows,
		// without reading data.
		put("xxxxxxxx" + string(body[8:]))
		if proof, err := prove(); errors.Is(err, ErrBroken) && proof.Broken[0].Object == o.Key {
			broken++
		}
		put(string(body))
		if proof, err := prove(); err != nil {
			t.Fatalf("put right: %+v, %v", proof, err)
		}
	}
	if broken == 0 {
		t.Error("no pack of trees that is damaged before its header was found")
	}
}

// The same of an index, a snapshot or a pack of trees, of which the cache has a copy that
// was right.
func TestProofKnowsVersionsOfMetadata(t *testing.T) {
	ctx := t.Context()
	loc := versionedBucket(t, s3test.Start(t))
	s, err := Init(ctx, loc, testPassword, WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	backupAt(t, s, time.Now(), "h", nil, writeTree(t, sampleFiles()))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	ledger, cache := &Ledger{}, WithCacheDir(t.TempDir())
	prove := func() (*Proof, error) { // without PackHeaders, packs of trees are no exception
		return Prove(ctx, AsOf(loc.client, loc.bucket, "", "as of now", slices.Values(currentObjects(t, loc))), testPassword,
			ProveOptions{Ledger: ledger}, cache)
	}
	if proof, err := prove(); err != nil {
		t.Fatalf("%+v, %v", proof, err)
	}
	first, err := prove()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, o := range currentObjects(t, loc) {
		if o.Key == "config" || strings.HasPrefix(o.Key, "keys/") {
			continue
		}
		read, err := loc.client.GetObject(ctx, loc.bucket, o.Key, minio.GetObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(read)
		if err != nil {
			t.Fatal(err)
		}
		put := func(body string) {
			if _, err := loc.client.PutObject(ctx, loc.bucket, o.Key, strings.NewReader(body), o.Size, minio.PutObjectOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		put(strings.Repeat("x", len(body)))
		switch proof, err := prove(); {
		case errors.Is(err, ErrBroken) && proof.Broken[0].Object == o.Key:
			found++
		case !strings.HasPrefix(o.Key, "data/"): // of which those with trees are read
			t.Errorf("%s: %+v, %v", o.Key, proof, err)
		}
		put(string(body))
		if proof, err := prove(); err != nil {
			t.Fatalf("put right: %+v, %v", proof, err)
		}
		if proof, err := prove(); err != nil || proof.Requests != first.Requests {
			t.Errorf("it is read again: %+v, %v, at first %d requests", proof, err, first.Requests)
		}
	}
	if found < 3 {
		t.Errorf("%d of an index, a snapshot and a pack of trees were found", found)
	}
}
