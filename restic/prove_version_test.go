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

// versioned is a bucket that keeps versions, with a repository of one snapshot, and
// proofs of it that share a ledger and a cache.
type versioned struct {
	t    *testing.T
	loc  *s3Location
	opts ProveOptions
	opt  Option
}

func newVersioned(t *testing.T, opts ProveOptions) *versioned {
	t.Helper()
	loc := versionedBucket(t, s3test.Start(t))
	s, err := Init(t.Context(), loc, testPassword, WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	backupAt(t, s, time.Now(), "h", nil, writeTree(t, sampleFiles()))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	opts.Ledger = &Ledger{}
	return &versioned{t, loc, opts, WithCacheDir(t.TempDir())}
}

func (w *versioned) prove() (*Proof, error) {
	now := AsOf(w.loc.client, w.loc.bucket, "", "as of now", slices.Values(currentObjects(w.t, w.loc)))
	return Prove(w.t.Context(), now, testPassword, w.opts, w.opt)
}

// object is what an object holds, and a function that overwrites it.
func (w *versioned) object(o ObjectVersion) (body string, put func(string)) {
	w.t.Helper()
	ctx := w.t.Context()
	read, err := w.loc.client.GetObject(ctx, w.loc.bucket, o.Key, minio.GetObjectOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := io.ReadAll(read)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text), func(body string) {
		w.t.Helper()
		if _, err := w.loc.client.PutObject(ctx, w.loc.bucket, o.Key, strings.NewReader(body), int64(len(body)), minio.PutObjectOptions{}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// An attacker overwrites a pack with as many other bytes, and a lifecycle rule removes
// the version below it, so that nothing shows any more that it was written twice. What
// is known of that version, and what the cache has of it, says nothing about the other.
func TestProofKnowsVersions(t *testing.T) {
	w := newVersioned(t, ProveOptions{PackHeaders: true})
	for i := range 2 {
		if proof, err := w.prove(); err != nil || (proof.PacksRead == 0) != (i == 1) {
			t.Fatalf("%+v, %v", proof, err)
		}
	}
	broken := 0
	for _, o := range currentObjects(t, w.loc) {
		if !strings.HasPrefix(o.Key, "data/") {
			continue
		}
		body, put := w.object(o)
		put(strings.Repeat("x", len(body)))
		if proof, err := w.prove(); !errors.Is(err, ErrBroken) || proof.Broken[0].Object != o.Key {
			t.Errorf("%s: %+v, %v", o.Key, proof, err)
		}
		// All but the header, which is at the end: that only a pack of trees shows,
		// without reading data.
		put("xxxxxxxx" + body[8:])
		if proof, err := w.prove(); errors.Is(err, ErrBroken) && proof.Broken[0].Object == o.Key {
			broken++
		}
		put(body)
		if proof, err := w.prove(); err != nil {
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
	w := newVersioned(t, ProveOptions{}) // without PackHeaders, packs of trees are no exception
	if proof, err := w.prove(); err != nil {
		t.Fatalf("%+v, %v", proof, err)
	}
	first, err := w.prove()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, o := range currentObjects(t, w.loc) {
		if o.Key == "config" || strings.HasPrefix(o.Key, "keys/") {
			continue
		}
		body, put := w.object(o)
		put(strings.Repeat("x", len(body)))
		switch proof, err := w.prove(); {
		case errors.Is(err, ErrBroken) && proof.Broken[0].Object == o.Key:
			found++
		case !strings.HasPrefix(o.Key, "data/"): // of which those with trees are read
			t.Errorf("%s: %+v, %v", o.Key, proof, err)
		}
		put(body)
		if proof, err := w.prove(); err != nil {
			t.Fatalf("put right: %+v, %v", proof, err)
		}
		if proof, err := w.prove(); err != nil || proof.Requests != first.Requests {
			t.Errorf("it is read again: %+v, %v, at first %d requests", proof, err, first.Requests)
		}
	}
	if found < 3 {
		t.Errorf("%d of an index, a snapshot and a pack of trees were found", found)
	}
}
