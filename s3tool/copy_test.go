package s3tool_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/s3tool"
)

func (f *world) copy(t *testing.T, source, destination string, opts s3tool.CopyOptions) *s3tool.CopyResult {
	t.Helper()
	r, err := f.Copy(t.Context(), source, "", destination, opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCopyTreeUpAcrossAndDown(t *testing.T) {
	f := newWorld(t, false)
	source, back := t.TempDir(), filepath.Join(t.TempDir(), "new")
	names := []string{"a", "a+b c%20#?", "d/é", "d/e/f"}
	for _, name := range names {
		write(t, source, name, "content of "+name)
	}
	write(t, source, "empty", "")
	if err := os.Symlink("nowhere", filepath.Join(source, "broken")); err != nil {
		t.Fatal(err)
	}
	events := 0
	opts := s3tool.CopyOptions{Recursive: true, OnEvent: func(s3tool.Copied) { events++ }}
	r := f.copy(t, source, f.url("one"), opts)
	if r.Copied != 5 || events != 5 || len(r.Skipped) != 1 {
		t.Errorf("%+v, %d events", r, events)
	}
	f.copy(t, f.url("one/"), f.url("two/"), opts)
	f.copy(t, f.url("two/"), back, opts)
	for _, name := range names {
		if got := read(t, filepath.Join(back, name)); got != "content of "+name {
			t.Errorf("%q: %q", name, got)
		}
	}
	leftovers(t, back, 5)
}

// leftovers counts files, so that no partial one stays unseen.
func leftovers(t *testing.T, dir string, want int) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			n++
		}
		return err
	})
	if err != nil || n != want {
		t.Errorf("%d files in %s, want %d (%v)", n, dir, want, err)
	}
}

func TestCopyOne(t *testing.T) {
	f := newWorld(t, true)
	dir := t.TempDir()
	path := write(t, dir, "f", "first")
	f.copy(t, path, f.url(""), s3tool.CopyOptions{})
	first, err := f.Stat(t.Context(), f.at("f"))
	if err != nil {
		t.Fatal(err)
	}
	f.copy(t, write(t, dir, "f", "second"), f.url("f"), s3tool.CopyOptions{})
	f.copy(t, "-", f.url("in"), s3tool.CopyOptions{Input: strings.NewReader("from a pipe")})
	if got := f.cat(t, f.at("in")); got != "from a pipe" {
		t.Errorf("standard input: %q", got)
	}
	var out bytes.Buffer
	f.copy(t, f.url("f"), "-", s3tool.CopyOptions{Output: &out})
	if out.String() != "second" {
		t.Errorf("standard output: %q", out.String())
	}
	f.copy(t, f.url("f"), filepath.Join(dir, "named"), s3tool.CopyOptions{})
	if got := read(t, filepath.Join(dir, "named")); got != "second" {
		t.Errorf("named: %q", got)
	}
	// An old version, to a directory and over the current one.
	sub := t.TempDir()
	for _, to := range []string{sub, f.url("f")} {
		if _, err := f.Copy(t.Context(), f.url("f"), first.VersionID, to, s3tool.CopyOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, filepath.Join(sub, "f")); got != "first" {
		t.Errorf("old version: %q", got)
	}
	if got := f.cat(t, f.at("f")); got != "first" {
		t.Errorf("old version copied over the current one: %q", got)
	}
	info, err := os.Stat(filepath.Join(sub, "f"))
	if err != nil || info.ModTime().Unix() != first.LastModified.Unix() {
		t.Errorf("time of the file: %v %v, want %v", info, err, first.LastModified)
	}
}

func TestCopyRefuses(t *testing.T) {
	f := newWorld(t, false)
	f.put(t, "d/x", "x")
	dir := t.TempDir()
	for _, args := range [][3]string{
		{dir, "", dir}, {dir, "", f.url("")}, {f.url("d/"), "", dir}, {f.url("d/x"), "", "-"}, {"-", "", f.url("y")},
		{dir, "v", f.url("")}, {f.url(""), "", f.url("copy/")},
	} {
		if _, err := f.Copy(t.Context(), args[0], args[1], args[2], s3tool.CopyOptions{Recursive: args[0] == f.url("")}); !errors.Is(err, s3tool.ErrInvalid) {
			t.Errorf("%q: %v", args, err)
		}
	}
	equal(t, "keys", f.keys(t, "", true), []string{"d/x"})
}

// Writers of the bucket choose the keys: none may become a file elsewhere.
func TestKeysCannotLeaveTheDestination(t *testing.T) {
	f := newWorld(t, false)
	parent := t.TempDir()
	dir := filepath.Join(parent, "in")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.Symlink(parent, filepath.Join(dir, "link"))); err != nil {
		t.Fatal(err)
	}
	bad := []string{"p/../out", "p//abs", "p/a/../../out", "p/link/out", "p/./dot", "p/a//b"}
	stored := 0
	for _, key := range bad {
		// Clean keys only are sent by this client's URL handling on some servers.
		if _, err := f.client.PutObject(t.Context(), f.bucket, key, strings.NewReader("x"), 1, minio.PutObjectOptions{}); err == nil {
			stored++
		}
	}
	if stored < 4 {
		t.Fatalf("only %d keys could be stored", stored)
	}
	f.put(t, "p/good", "x")
	r, err := f.Copy(t.Context(), f.url("p/"), "", dir, s3tool.CopyOptions{Recursive: true})
	var partial *s3tool.PartialError
	if !errors.As(err, &partial) || len(partial.Failed) != stored || r.Copied != 1 {
		t.Errorf("%+v %v", r, err)
	}
	leftovers(t, parent, 2) // good, and the link
}

// An upload that broke goes on with the parts that are on the server.
func TestUploadResumes(t *testing.T) {
	f := newWorld(t, false)
	content := make([]byte, 23<<20)
	rand.Read(content) //nolint:errcheck // never fails
	path := write(t, t.TempDir(), "big", string(content))
	f.faults.Inject(s3test.Fault{Method: http.MethodPut, Path: "partNumber=4", Kind: s3test.Reset})
	if _, err := f.Copy(t.Context(), path, "", f.url("big"), s3tool.CopyOptions{}); err == nil || !strings.Contains(err.Error(), "goes on") {
		t.Fatalf("%v", err)
	}
	equal(t, "no object yet", f.keys(t, "", true), nil)
	f.faults.Clear()

	// Another part has changed in the meantime.
	content[0] ^= 1
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	r := f.copy(t, path, f.url("big"), s3tool.CopyOptions{})
	if r.Resumed == 0 || r.Resumed > 4*5<<20 || r.Bytes != int64(len(content)) {
		t.Errorf("resumed %d of %d bytes", r.Resumed, r.Bytes)
	}
	if f.cat(t, f.at("big")) != string(content) {
		t.Error("the object differs from the file")
	}
}

func TestDownloadResumes(t *testing.T) {
	f := newWorld(t, false)
	content := make([]byte, 3<<20)
	rand.Read(content) //nolint:errcheck // never fails
	f.put(t, "big", string(content))
	dir := t.TempDir()
	f.faults.Inject(s3test.Fault{Method: http.MethodGet, Path: "/big", Kind: s3test.Truncate, Times: 1})
	f.faults.Inject(s3test.Fault{Method: http.MethodGet, Path: "/big", Kind: s3test.Reset})
	if _, err := f.Copy(t.Context(), f.url("big"), "", dir, s3tool.CopyOptions{}); err == nil {
		t.Fatal("no error")
	}
	leftovers(t, dir, 1)
	f.faults.Clear()
	r := f.copy(t, f.url("big"), dir, s3tool.CopyOptions{})
	if r.Resumed != 3<<19 {
		t.Errorf("resumed %d bytes, want the half that had arrived", r.Resumed)
	}
	if read(t, filepath.Join(dir, "big")) != string(content) {
		t.Error("the file differs from the object")
	}
	leftovers(t, dir, 1)

	// A partial file that was tampered with is noticed, and not built on again.
	f.faults.Inject(s3test.Fault{Method: http.MethodGet, Path: "/big", Kind: s3test.Reset})
	if _, err := f.Copy(t.Context(), f.url("big"), "", dir, s3tool.CopyOptions{}); err == nil {
		t.Fatal("no error")
	}
	f.faults.Clear()
	partial, err := filepath.Glob(filepath.Join(dir, "big.part-*"))
	if err != nil || len(partial) != 1 {
		t.Fatalf("partial files %q %v", partial, err)
	}
	write(t, dir, filepath.Base(partial[0]), "wrong")
	if _, err := f.Copy(t.Context(), f.url("big"), "", dir, s3tool.CopyOptions{}); !errors.Is(err, s3tool.ErrDiffers) {
		t.Errorf("%v", err)
	}
	f.copy(t, f.url("big"), dir, s3tool.CopyOptions{})
	leftovers(t, dir, 1)
}

// The host of a policed bucket may not list uploads: it starts anew, and nothing that
// it could not find again is left behind, as far as it may.
func TestUploadWithoutTheRightToListUploads(t *testing.T) {
	f := newWorld(t, false)
	f.faults.Inject(s3test.Fault{Method: http.MethodGet, Path: `\?.*uploads`, Kind: s3test.Status, Status: 403})
	content := strings.Repeat("x", 11<<20)
	path := write(t, t.TempDir(), "big", content)
	f.copy(t, path, f.url("big"), s3tool.CopyOptions{})
	if f.cat(t, f.at("big")) != content {
		t.Error("the object differs from the file")
	}

	f.faults.Inject(s3test.Fault{Method: http.MethodPut, Path: "partNumber=2", Kind: s3test.Reset})
	if _, err := f.Copy(t.Context(), path, "", f.url("broken"), s3tool.CopyOptions{}); err == nil || strings.Contains(err.Error(), "goes on") {
		t.Errorf("%v", err)
	}
	f.faults.Inject(s3test.Fault{Method: http.MethodDelete, Path: "uploadId", Kind: s3test.Status, Status: 403})
	if _, err := f.Copy(t.Context(), path, "", f.url("stuck"), s3tool.CopyOptions{}); err == nil || !strings.Contains(err.Error(), "stay on the server") {
		t.Errorf("%v", err)
	}
	f.faults.Clear()
	for key, want := range map[string]int{"broken": 0, "stuck": 1} {
		list, err := minio.Core{Client: f.client}.ListMultipartUploads(t.Context(), f.bucket, key, "", "", "", 10)
		if err != nil || len(list.Uploads) != want {
			t.Errorf("%s: %d unfinished uploads, want %d (%v)", key, len(list.Uploads), want, err)
		}
	}
}

// A key that can be no file's name here is found out before its bytes come.
func TestCopyDownOfImpossibleNames(t *testing.T) {
	f := newWorld(t, false)
	long := strings.Repeat("k", 1024)
	f.put(t, long, "content")
	f.put(t, "taken/below", "content")
	dir := t.TempDir()
	write(t, dir, "taken", "a file")
	for _, source := range []string{long, ""} {
		if _, err := f.Copy(t.Context(), f.url(source), "", dir, s3tool.CopyOptions{Recursive: source == ""}); err == nil || !strings.Contains(err.Error(), "nothing was changed") {
			t.Errorf("%.10q: %v", source, err)
		}
	}
	leftovers(t, dir, 1)
}
