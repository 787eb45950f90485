package restic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/s3test"
	engbackend "github.com/restic/restic/rwmlink/backend"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// TestBackends runs one suite over everything a repository can live in: what the engine
// expects of a backend holds for each.
func TestBackends(t *testing.T) {
	srv := s3test.Start(t)
	bucket := newBucket(t, srv).(*s3Location)
	locations := map[string]Location{
		"memory":           newMemory(),
		"local":            Local(t.TempDir()),
		"S3":               newBucket(t, srv),
		"S3 with a prefix": S3(bucket.client, bucket.bucket, "/a/b c+d/"),
	}
	for name, loc := range locations {
		t.Run(name, func(t *testing.T) {
			o, err := newOptions([]Option{WithRetryFor(0)})
			if err != nil {
				t.Fatal(err)
			}
			be, err := loc.backend(t.Context(), &o, true)
			if err != nil {
				t.Fatal(err)
			}
			suite := &conformance{be: be}
			t.Run("missing objects", suite.missing)
			t.Run("save, stat, load", suite.roundTrip)
			t.Run("ranges", suite.ranges)
			t.Run("replace", suite.replace)
			t.Run("list", suite.list)
			t.Run("remove", suite.remove)
			t.Run("removed together", suite.removeMany)
			t.Run("cancelled", suite.cancelled)
			if err := be.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

type conformance struct{ be engbackend.Backend }

var objectTypes = []engbackend.FileType{engbackend.PackFile, engbackend.KeyFile, engbackend.LockFile, engbackend.SnapshotFile, engbackend.IndexFile}

func (c *conformance) save(t *testing.T, ft engbackend.FileType, content []byte) engbackend.Handle {
	t.Helper()
	h := engbackend.Handle{Type: ft}
	if ft != engbackend.ConfigFile {
		h.Name = engrestic.Hash(content).String()
	}
	if err := c.be.Save(t.Context(), h, engbackend.NewByteReader(content, c.be.Hasher())); err != nil {
		t.Fatal(err)
	}
	return h
}

func (c *conformance) load(t *testing.T, h engbackend.Handle, length int, offset int64) ([]byte, error) {
	t.Helper()
	var got []byte
	err := c.be.Load(t.Context(), h, length, offset, func(rd io.Reader) (err error) {
		got, err = io.ReadAll(rd)
		return err
	})
	return got, err
}

func (c *conformance) missing(t *testing.T) {
	h := engbackend.Handle{Type: engbackend.PackFile, Name: engrestic.Hash([]byte("nobody")).String()}
	_, err := c.be.Stat(t.Context(), h)
	if !c.be.IsNotExist(err) || !c.be.IsPermanentError(err) {
		t.Error("stat:", err)
	}
	for _, length := range []int{0, 10} {
		if _, err := c.load(t, h, length, 0); !c.be.IsNotExist(err) || !c.be.IsPermanentError(err) {
			t.Error("load:", err)
		}
	}
	if c.be.IsNotExist(nil) || c.be.IsNotExist(errors.New("other")) {
		t.Error("other errors are taken for a missing object")
	}
	for _, ft := range objectTypes {
		if err := c.be.List(t.Context(), ft, func(fi engbackend.FileInfo) error { return fmt.Errorf("%v listed", fi) }); err != nil {
			t.Error(err)
		}
	}
}

func (c *conformance) roundTrip(t *testing.T) {
	for _, ft := range append(objectTypes, engbackend.ConfigFile) {
		for _, content := range []string{"", "x", strings.Repeat("0123456789", 100_000)} {
			if ft == engbackend.ConfigFile {
				_ = c.be.Remove(t.Context(), engbackend.Handle{Type: ft}) // not every backend replaces
			}
			h := c.save(t, ft, []byte(content))
			fi, err := c.be.Stat(t.Context(), h)
			if err != nil || fi.Size != int64(len(content)) {
				t.Errorf("%v: %v %v", h, fi, err)
			}
			got, err := c.load(t, h, 0, 0)
			if err != nil || string(got) != content {
				t.Errorf("%v: %d bytes, %v", h, len(got), err)
			}
		}
	}
}

func (c *conformance) ranges(t *testing.T) {
	content := []byte(noise(200_000, 7))
	h := c.save(t, engbackend.PackFile, content)
	for _, r := range []struct {
		length int
		offset int64
	}{{0, 0}, {1, 0}, {100, 0}, {100, 1}, {200_000, 0}, {1, 199_999}, {0, 199_000}, {65_537, 70_000}} {
		want := content[r.offset:]
		if r.length > 0 {
			want = want[:r.length]
		}
		if got, err := c.load(t, h, r.length, r.offset); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%+v: %d bytes, %v", r, len(got), err)
		}
	}
	// beyond the end
	for _, r := range []struct {
		length int
		offset int64
	}{{200_001, 0}, {2, 199_999}, {1, 200_000}, {1, 300_000}} {
		if _, err := c.load(t, h, r.length, r.offset); err == nil || !c.be.IsPermanentError(err) || c.be.IsNotExist(err) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	// the consumer's error comes back as it is
	mine := errors.New("mine")
	if err := c.be.Load(t.Context(), h, 0, 0, func(io.Reader) error { return mine }); !errors.Is(err, mine) {
		t.Error(err)
	}
}

func (c *conformance) replace(t *testing.T) {
	if !c.be.Properties().HasAtomicReplace {
		harness.NotOnThisServer(t, "an atomic replacement is not promised")
	}
	for _, content := range []string{"first config", "second"} {
		h := c.save(t, engbackend.ConfigFile, []byte(content))
		if got, err := c.load(t, h, 0, 0); err != nil || string(got) != content {
			t.Errorf("%q, %v", got, err)
		}
	}
}

func (c *conformance) list(t *testing.T) {
	want := map[string]int64{}
	for i := range 30 {
		content := []byte(strings.Repeat("listed", i+1))
		want[c.save(t, engbackend.IndexFile, content).Name] = int64(len(content))
	}
	got := map[string]int64{}
	err := c.be.List(t.Context(), engbackend.IndexFile, func(fi engbackend.FileInfo) error {
		if _, twice := got[fi.Name]; twice {
			t.Error(fi.Name, "listed twice")
		}
		got[fi.Name] = fi.Size
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, size := range want {
		if got[name] != size {
			t.Errorf("%s: %d bytes, expected %d", name, got[name], size)
		}
	}
	calls, mine := 0, errors.New("mine")
	err = c.be.List(t.Context(), engbackend.IndexFile, func(engbackend.FileInfo) error { calls++; return mine })
	if !errors.Is(err, mine) || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

func (c *conformance) names(t *testing.T, ft engbackend.FileType) (names []string) {
	t.Helper()
	if err := c.be.List(t.Context(), ft, func(fi engbackend.FileInfo) error { names = append(names, fi.Name); return nil }); err != nil {
		t.Fatal(err)
	}
	return names
}

func (c *conformance) remove(t *testing.T) {
	h := c.save(t, engbackend.LockFile, []byte("to be removed"))
	if err := c.be.Remove(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if _, err := c.be.Stat(t.Context(), h); !c.be.IsNotExist(err) {
		t.Error(err)
	}
	if slices.Contains(c.names(t, engbackend.LockFile), h.Name) {
		t.Error("still listed")
	}
	if err := c.be.Remove(t.Context(), h); err != nil && !c.be.IsNotExist(err) {
		t.Error("removed twice:", err)
	}
}

func (c *conformance) removeMany(t *testing.T) {
	var handles []engbackend.Handle
	for i := range 50 {
		handles = append(handles, c.save(t, engbackend.SnapshotFile, fmt.Append(nil, "snapshot ", i)))
	}
	keep := c.save(t, engbackend.SnapshotFile, []byte("kept"))
	var wg sync.WaitGroup
	for _, h := range handles {
		wg.Go(func() {
			if err := c.be.Remove(t.Context(), h); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	left := c.names(t, engbackend.SnapshotFile)
	if !slices.Contains(left, keep.Name) {
		t.Error("too much was removed")
	}
	for _, h := range handles {
		if slices.Contains(left, h.Name) {
			t.Error(h, "is left")
		}
	}
}

func (c *conformance) cancelled(t *testing.T) {
	h := c.save(t, engbackend.PackFile, []byte("cancelled"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o, err := newOptions(nil)
	if err != nil {
		t.Fatal(err)
	}
	// the layers above keep what a local directory by itself does not: nothing is done
	// with a cancelled context
	be, err := newStack(ctx, fixed{c.be}, &o, false)
	if err != nil {
		t.Fatal(err)
	}
	other := engbackend.Handle{Type: engbackend.PackFile, Name: engrestic.Hash([]byte("other")).String()}
	if err := be.Save(ctx, other, engbackend.NewByteReader([]byte("other"), be.Hasher())); !errors.Is(err, context.Canceled) {
		t.Error("save:", err)
	}
	if err := be.Remove(ctx, h); !errors.Is(err, context.Canceled) {
		t.Error("remove:", err)
	}
	if err := be.Load(ctx, h, 0, 0, func(io.Reader) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Error("load:", err)
	}
	if _, err := c.be.Stat(t.Context(), h); err != nil {
		t.Error(err)
	}
	if _, err := c.be.Stat(t.Context(), other); !c.be.IsNotExist(err) {
		t.Error(err)
	}
}

// fixed is a location with a ready backend.
type fixed struct{ be engbackend.Backend }

func (fixed) String() string { return "fixed" }

func (f fixed) backend(context.Context, *options, bool) (engbackend.Backend, error) { return f.be, nil }
