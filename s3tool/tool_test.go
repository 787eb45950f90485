package s3tool_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/s3tool"
	"github.com/cesnet/rwm/s3versions"
)

type world struct {
	*s3tool.Tool
	server *s3test.Server
	client *minio.Client
	faults *s3test.Faults
	bucket string
}

func newWorld(t *testing.T, versioning bool) *world {
	t.Helper()
	s := s3test.Start(t)
	f := &world{server: s, faults: &s3test.Faults{}, bucket: s.Bucket(t)}
	f.client = s.ClientVia(t, s.Admin, f.faults)
	f.Tool = f.tool(f.client)
	if err := f.MakeBucket(t.Context(), f.bucket, versioning); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *world) tool(client *minio.Client) *s3tool.Tool {
	return s3tool.New(client, s3tool.WithPartSize(5<<20), s3tool.WithParallel(4),
		s3tool.WithVersions(s3versions.New(client, s3versions.WithTransport(f.faults), s3versions.WithRetries(4, time.Millisecond))))
}

func (f *world) url(key string) string { return "s3://" + f.bucket + "/" + key }

func (f *world) at(key string) s3tool.Location { return s3tool.Location{Bucket: f.bucket, Key: key} }

func (f *world) put(t *testing.T, key, content string) (version string) {
	t.Helper()
	info, err := f.client.PutObject(t.Context(), f.bucket, key, strings.NewReader(content), int64(len(content)), minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return info.VersionID
}

func (f *world) cat(t *testing.T, at s3tool.Location) string {
	t.Helper()
	var b bytes.Buffer
	if err := f.Cat(t.Context(), at, &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func (f *world) keys(t *testing.T, prefix string, recursive bool) (keys []string) {
	t.Helper()
	for e, err := range f.List(t.Context(), f.at(prefix), recursive) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Prefix != strings.HasSuffix(e.Key, "/") {
			t.Errorf("%q: prefix %v", e.Key, e.Prefix)
		}
		keys = append(keys, e.Key)
	}
	return keys
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestParseLocation(t *testing.T) {
	for text, want := range map[string]s3tool.Location{
		"s3://bkt":           {Bucket: "bkt"},
		"s3://bkt/":          {Bucket: "bkt"},
		"bkt/k":              {Bucket: "bkt", Key: "k"},
		"s3://bkt/k/":        {Bucket: "bkt", Key: "k/"},
		"s3://bkt//k":        {Bucket: "bkt", Key: "/k"},
		"s3://bkt/a+b %20?#": {Bucket: "bkt", Key: "a+b %20?#"},
	} {
		if got, err := s3tool.ParseLocation(text); err != nil || got != want {
			t.Errorf("%q: %+v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "s3://", "s3:///k", "/k", "https://host/b", "s3://b", "b/k"} {
		if got, err := s3tool.ParseLocation(text); !errors.Is(err, s3tool.ErrInvalid) {
			t.Errorf("%q: %+v %v", text, got, err)
		}
	}
}

func TestListAndVersions(t *testing.T) {
	f := newWorld(t, true)
	keys := []string{"a", "a+b c%20/é", "d/1", "d/2", "d/e/3"}
	for _, key := range keys {
		f.put(t, key, key)
	}
	equal(t, "recursive", f.keys(t, "", true), keys)
	equal(t, "one level", f.keys(t, "d/", false), []string{"d/1", "d/2", "d/e/"})

	first := f.put(t, "a", "second")
	if _, err := f.Remove(t.Context(), f.at("a"), s3tool.RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for v, err := range f.Versions(t.Context(), f.at("a")) {
		if err != nil {
			t.Fatal(err)
		}
		if v.Key == "a" {
			got = append(got, map[bool]string{true: "marker", false: "version"}[v.DeleteMarker])
		}
	}
	equal(t, "versions", got, []string{"marker", "version", "version"})
	old := f.at("a")
	old.VersionID = first
	if got := f.cat(t, old); got != "second" {
		t.Errorf("an old version reads %q", got)
	}
	buckets, err := f.Buckets(t.Context())
	if err != nil || !slices.ContainsFunc(buckets, func(b s3versions.Bucket) bool { return b.Name == f.bucket }) {
		t.Errorf("buckets: %v %v", buckets, err)
	}
}

func TestErrorsNameThePlace(t *testing.T) {
	f := newWorld(t, true)
	ctx := t.Context()
	f.put(t, "k", "x")
	missing := s3tool.Location{Bucket: f.bucket + "-no", Key: "k"}
	host := f.tool(f.server.Client(t, f.server.Host))
	_, statErr := f.Stat(ctx, f.at("no"))
	_, hostErr := host.Stat(ctx, f.at("k"))
	_, rmErr := f.Remove(ctx, f.at("no"), s3tool.RemoveOptions{})
	_, dirErr := f.Remove(ctx, f.at(""), s3tool.RemoveOptions{})
	_, copyErr := f.Copy(ctx, f.url("no"), "", t.TempDir(), s3tool.CopyOptions{})
	for _, test := range []struct {
		err  error
		is   error
		text string
	}{
		{statErr, s3tool.ErrNoObject, f.url("no")},
		{hostErr, s3tool.ErrAccessDenied, f.url("k")},
		{rmErr, s3tool.ErrNoObject, f.url("no")},
		{dirErr, s3tool.ErrInvalid, "recursively"},
		{copyErr, s3tool.ErrNoObject, f.url("no")},
		{f.MakeBucket(ctx, f.bucket, false), s3tool.ErrBucketExists, f.bucket},
		{f.RemoveBucket(ctx, f.bucket), s3tool.ErrNotEmpty, "storage-delete"},
		{f.RemoveBucket(ctx, missing.Bucket), s3tool.ErrNoBucket, missing.Bucket},
	} {
		if !errors.Is(test.err, test.is) || !strings.Contains(test.err.Error(), test.text) {
			t.Errorf("%v\nwant %v with %q", test.err, test.is, test.text)
		}
	}
	for _, err := range f.List(ctx, missing, true) {
		if !errors.Is(err, s3tool.ErrNoBucket) {
			t.Errorf("list: %v", err)
		}
	}
}

func TestRemove(t *testing.T) {
	f := newWorld(t, true)
	ctx := t.Context()
	for _, key := range []string{"a", "ab", "d/1", "d/2", "e"} {
		f.put(t, key, "old")
		f.put(t, key, "new")
	}
	count := func(prefix string) (n int) {
		for _, err := range f.Versions(ctx, f.at(prefix)) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	remove := func(key string, opts s3tool.RemoveOptions, want int) {
		t.Helper()
		events := 0
		opts.OnEvent = func(s3tool.Removed) { events++ }
		r, err := f.Remove(ctx, f.at(key), opts)
		if err != nil || r.Removed != want || events != want {
			t.Errorf("remove %q %+v: %+v, %d events, %v", key, opts, r, events, err)
		}
	}
	remove("d/", s3tool.RemoveOptions{Recursive: true, DryRun: true}, 2)
	equal(t, "after a dry run", f.keys(t, "", true), []string{"a", "ab", "d/1", "d/2", "e"})
	remove("d/", s3tool.RemoveOptions{Recursive: true}, 2)
	equal(t, "after d/", f.keys(t, "", true), []string{"a", "ab", "e"})
	if n := count("d/"); n != 6 {
		t.Errorf("%d versions below d/, want 4 and 2 delete markers", n)
	}
	remove("a", s3tool.RemoveOptions{Versions: true}, 2)
	if n := count("a"); n != 2 {
		t.Errorf("%d versions of ab, want its 2", n)
	}
	remove("", s3tool.RemoveOptions{Recursive: true, Versions: true}, 10)
	if err := f.RemoveBucket(ctx, f.bucket); err != nil {
		t.Error(err)
	}
}

// A refusal inside an answer that as a whole says 200 is a failure of that key.
func TestRemoveReportsEachFailure(t *testing.T) {
	f := newWorld(t, false)
	for _, key := range []string{"a", "b", "c"} {
		f.put(t, key, "x")
	}
	f.faults.Inject(s3test.Fault{Method: http.MethodPost, Path: "delete", Kind: s3test.Status, Status: 403})
	r, err := f.Remove(t.Context(), f.at(""), s3tool.RemoveOptions{Recursive: true})
	var partial *s3tool.PartialError
	if !errors.As(err, &partial) || len(partial.Failed) != 3 || r.Removed != 0 || !errors.Is(err, s3tool.ErrAccessDenied) {
		t.Errorf("%+v %v", r, err)
	}
	equal(t, "left", f.keys(t, "", true), []string{"a", "b", "c"})
}

func TestCatGoesOnAfterABrokenConnection(t *testing.T) {
	f := newWorld(t, false)
	content := make([]byte, 1<<20)
	rand.Read(content) //nolint:errcheck // never fails
	f.put(t, "k", string(content))
	f.faults.Inject(s3test.Fault{Method: http.MethodGet, Path: "/k", Kind: s3test.Truncate, Times: 3})
	if f.cat(t, f.at("k")) != string(content) {
		t.Error("the content differs")
	}
	f.faults.Inject(s3test.Fault{Method: http.MethodGet, Path: "/k", Kind: s3test.Reset})
	if err := f.Cat(t.Context(), f.at("k"), io.Discard); err == nil {
		t.Error("no error from a server that is not there")
	}
}

func TestCatEndsWithItsContext(t *testing.T) {
	f := newWorld(t, false)
	f.put(t, "k", "content")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Cat(ctx, f.at("k"), io.Discard); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A list of all buckets is of none in particular.
func TestErrorOfBuckets(t *testing.T) {
	f := newWorld(t, false)
	wrong := f.server.Admin
	wrong.SecretKey = "wrong"
	_, err := f.tool(f.server.Client(t, wrong)).Buckets(t.Context())
	if !errors.Is(err, s3tool.ErrCredentials) || !strings.HasPrefix(err.Error(), "list buckets: ") {
		t.Error(err)
	}
}
