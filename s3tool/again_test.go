package s3tool_test

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/s3tool"
)

// A single answer that is lost, broken off or bad ends no operation, whichever of its
// requests it belongs to.
func TestFaultsThatPass(t *testing.T) {
	w := newWorld(t, true)
	big := make([]byte, 6<<20)
	rand.Read(big) //nolint:errcheck // never fails
	file := write(t, t.TempDir(), "big", string(big))
	small := write(t, t.TempDir(), "small", "little")
	keys := []string{"d/1", "d/2 +%20é", "d/e/3", "d2"}
	removed := func(at s3tool.Location, opts s3tool.RemoveOptions, want ...string) func() error {
		return func() error {
			var got []string
			opts.OnEvent = func(r s3tool.Removed) { got = append(got, r.Key) }
			res, err := w.Remove(t.Context(), at, opts)
			slices.Sort(got)
			if err == nil && (!slices.Equal(got, want) || res.Removed != len(want)) {
				err = fmt.Errorf("removed %q (%d), not %q", got, res.Removed, want)
			}
			return err
		}
	}
	listed := func(prefix string, recursive bool, want ...string) func() error {
		return func() error {
			var got []string
			for e, err := range w.List(t.Context(), w.at(prefix), recursive) {
				if err != nil {
					return err
				}
				got = append(got, e.Key)
			}
			if !slices.Equal(got, want) {
				return fmt.Errorf("listed %q, not %q", got, want)
			}
			return nil
		}
	}
	copied := func(from, to, key, content string) func() error {
		return func() error {
			if _, err := w.Copy(t.Context(), from, "", to, s3tool.CopyOptions{}); err != nil {
				return err
			}
			if w.cat(t, w.at(key)) != content {
				return fmt.Errorf("%s has another content", key)
			}
			return nil
		}
	}
	for _, op := range []struct {
		name string
		run  func() error
	}{
		{"list", listed("", true, keys...)},
		{"list one level", listed("d", false, "d/", "d2")},
		{"buckets", func() error { _, err := w.Buckets(t.Context()); return err }},
		{"remove recursively", removed(w.at("d"), s3tool.RemoveOptions{Recursive: true}, keys[:3]...)},
		{"remove versions", removed(w.at("d"), s3tool.RemoveOptions{Recursive: true, Versions: true}, keys[:3]...)},
		{"remove versions of one", removed(w.at("d2"), s3tool.RemoveOptions{Versions: true}, "d2")},
		{"remove one", removed(w.at("d2"), s3tool.RemoveOptions{}, "d2")},
		{"copy", copied(w.url("d2"), w.url("d2-copy"), "d2-copy", "d2")},
		{"upload", func() error { return copied(small, w.url("small"), "small", "little")() }},
		{"upload in parts", copied(file, w.url("big"), "big", string(big))},
	} {
		prepare := func() {
			if _, err := w.Remove(t.Context(), w.at(""), s3tool.RemoveOptions{Recursive: true, Versions: true}); err != nil {
				t.Fatal(err)
			}
			for _, key := range keys {
				w.put(t, key, key)
			}
		}
		prepare()
		before := len(w.faults.Requests())
		if err := op.run(); err != nil {
			t.Fatalf("%s: without faults: %v", op.name, err)
		}
		total := len(w.faults.Requests()) - before
		for way, fault := range []s3test.Fault{
			{Kind: s3test.Truncate}, {Kind: s3test.ResetAfter}, {Kind: s3test.Reset},
			{Kind: s3test.ErrorIn200, Code: "InternalError", Method: "POST"}, {Kind: s3test.ErrorIn200, Code: "InternalError", Method: "PUT"}, {Kind: s3test.Status, Status: 503, Code: "SlowDown"},
		} {
			// Over all faults, each request is met twice in an everyday run.
			step := harness.Size(3, 1)
			for at := way % step; at < total; at += step {
				prepare()
				fault.Path, fault.After, fault.Times = ".", at, 1
				w.faults.Inject(fault)
				err := op.run() // some read back what they wrote, with the fault too
				w.faults.Clear()
				if err != nil {
					t.Errorf("%s, %s at request %d of %d: %v", op.name, fault.Kind, at, total, err)
				}
			}
		}
	}
}

// Of many objects, each is removed once, in batches.
func TestRemoveManyBatches(t *testing.T) {
	w := newWorld(t, false)
	core := minio.Core{Client: w.client}
	for i := range 600 {
		if _, err := core.PutObject(t.Context(), w.bucket, fmt.Sprintf("d/%03d", i), strings.NewReader(""), 0, "", "", minio.PutObjectOptions{DisableContentSha256: true}); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]int{}
	r, err := w.Remove(t.Context(), w.at("d"), s3tool.RemoveOptions{Recursive: true, OnEvent: func(r s3tool.Removed) { seen[r.Key]++ }})
	if err != nil || r.Removed != 600 || len(seen) != 600 {
		t.Errorf("%+v, %d events, %v", r, len(seen), err)
	}
	if left := w.keys(t, "", true); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}
