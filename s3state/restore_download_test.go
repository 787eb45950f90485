package s3state

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// blob puts an object under restic's name for it.
func (w *world) blob(dir, body string) string {
	w.t.Helper()
	id := fmt.Sprintf("%x", sha256.Sum256([]byte(body)))
	key := dir + "/" + id
	if dir == "data" {
		key = "data/" + id[:2] + "/" + id
	}
	w.put(key, body)
	return key
}

func readDir(t *testing.T, dir string) map[string]string {
	t.Helper()
	got := make(map[string]string)
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		got[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestDownload(t *testing.T) {
	w := newWorld(t)
	w.put("config", "c")
	pack := w.blob("data", "pack")
	w.blob("snapshots", "snap")
	want := contents(t, w.admin, w.bucket)
	st := w.save()
	w.put(pack, "evil")
	w.del("config")

	opts := DownloadOptions{Source: w.bucket, Moment: Moment{StateKey: st.Key, StateVersion: st.VersionID}, Dir: filepath.Join(t.TempDir(), "new", "repo")}
	res, err := w.admin.Download(w.ctx, opts)
	if err != nil || res.Objects != 3 || res.Hashed != 3 || res.Downloaded != 3 || res.Bytes != 9 {
		t.Fatalf("%v %+v", err, res)
	}
	got := readDir(t, opts.Dir)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q, not %q", got, want)
	}
	if _, err := w.admin.Download(w.ctx, opts); !errors.Is(err, ErrTargetExists) {
		t.Errorf("into a complete directory: %v", err)
	}
	opts.Dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(opts.Dir, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := w.admin.Download(w.ctx, opts); !errors.Is(err, ErrTargetExists) {
		t.Errorf("into a foreign directory: %v", err)
	}
}

// A key may be as long as a file system allows.
func TestDownloadOfLongNames(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("n", 255)
	w.put("config", "c")
	w.put(long, "a")
	w.put("dir/"+long, "b")
	want := contents(t, w.admin, w.bucket)
	st := w.save()
	dir := filepath.Join(t.TempDir(), "d")
	_, err := w.admin.Download(w.ctx, DownloadOptions{Source: w.bucket, Moment: Moment{StateKey: st.Key, StateVersion: st.VersionID}, Dir: dir})
	if got := readDir(t, dir); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v: %d of %d files", err, len(got), len(want))
	}
}

// Interrupted at any request, it goes on when run again.
func TestDownloadInterrupted(t *testing.T) {
	w := newWorld(t)
	for i := range 4 {
		w.blob("data", fmt.Sprint(i))
	}
	want := contents(t, w.admin, w.bucket)
	st := w.save()
	for at := int64(0); ; at++ {
		opts := DownloadOptions{Source: w.bucket, Moment: Moment{StateKey: st.Key, StateVersion: st.VersionID}, Dir: filepath.Join(t.TempDir(), "d"), Parallel: 1}
		ctx, cancel := context.WithCancel(w.ctx)
		_, err := w.storeVia(w.srv.Admin, &hook{base: http.DefaultTransport, at: at, fn: cancel}).Download(ctx, opts)
		cancel()
		if err == nil {
			break
		}
		res, err := w.admin.Download(w.ctx, opts)
		if err != nil || res.Objects != 4 {
			t.Fatalf("at %d: %v %+v", at, err, res)
		}
		if got := readDir(t, opts.Dir); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("at %d: %q", at, got)
		}
	}
}

// Damaged objects and keys that would lead out of the directory are named, and
// all others brought.
func TestDownloadReportsEachFailure(t *testing.T) {
	w := newWorld(t)
	good := w.blob("data", "good")
	wrong := w.blob("index", "wrong")
	w.put(wrong, "something else")
	for _, key := range w.takes("../../etc/evil", "/abs", "a//b", "x/../y", "./z", "dir/", downloadMark) {
		w.put(key, "evil")
	}
	st := w.save()
	dir := filepath.Join(t.TempDir(), "d")
	res, err := w.admin.Download(w.ctx, DownloadOptions{Source: w.bucket, Moment: Moment{StateKey: st.Key, StateVersion: st.VersionID}, Dir: dir})
	var batch *BatchError
	if !errors.As(err, &batch) || !errors.Is(err, ErrCorrupt) || res.Objects != 1 {
		t.Fatalf("%v %+v", err, res)
	}
	got := readDir(t, dir)
	delete(got, downloadMark)
	if len(got) != 1 || got[good] != "good" {
		t.Errorf("%q", got)
	}
	for _, f := range batch.Failed {
		if f.Key == good {
			t.Errorf("%v", f)
		}
	}
}
