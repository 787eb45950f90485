package keeper_test

import (
	"bytes"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
)

// Where versioning is suspended, a write takes the place of the null version, which
// keeps its name. An attacker with the admin's keys who does so and turns versioning on
// again between two passes has changed the bucket, though it lists the same versions.
func TestNullVersionWrittenAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "web1")
	s := w.cfg.Storages["web1"]
	client := w.Client(t, w.Admin)
	suspended := func(what func()) {
		t.Helper()
		if err := client.SuspendVersioning(t.Context(), s.ResticBucket); err != nil {
			t.Fatal(err)
		}
		what()
		if err := client.EnableVersioning(t.Context(), s.ResticBucket); err != nil {
			t.Fatal(err)
		}
	}
	overwrite := func(with func(old []byte) []byte) func() {
		return func() {
			for o := range client.ListObjectsIter(t.Context(), s.ResticBucket, minio.ListObjectsOptions{Prefix: "data/", Recursive: true}) {
				r, err := client.GetObject(t.Context(), s.ResticBucket, o.Key, minio.GetObjectOptions{})
				if err != nil {
					t.Fatal(err)
				}
				old, err := io.ReadAll(r)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := client.PutObject(t.Context(), s.ResticBucket, o.Key, bytes.NewReader(with(old)), o.Size, minio.PutObjectOptions{}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	w.backup("web1")
	w.advance(time.Hour)
	// As in a bucket that was filled before versioning was on.
	suspended(overwrite(func(old []byte) []byte { return old }))
	w.advance(time.Hour)
	green(t, w.pass())
	if t.Failed() {
		return
	}
	w.advance(time.Hour)
	suspended(overwrite(func(old []byte) []byte { return make([]byte, len(old)) }))
	w.advance(25 * time.Hour)
	if got := codes(w.pass().Storages[0]); !slices.Contains(got, "history") || !slices.Contains(got, "prove") {
		t.Errorf("every pack was destroyed, and it is red for %q", got)
	}
}
