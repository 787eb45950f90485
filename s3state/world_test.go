package s3state

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// world is a server with a policed bucket, seen by its admin and its host.
type world struct {
	t      testing.TB
	ctx    context.Context
	srv    *s3test.Server
	admin  *Store
	host   *Store
	bucket string
	all    string // the action that means everything to the server; "" for "*"
	saved  Moment // the state that withState has saved
}

func newWorld(t testing.TB, opts ...s3test.Option) *world {
	t.Helper()
	if os.Getenv("S3STATE_DIALECT") == "rgw" {
		opts = append(opts, s3test.RGW())
	}
	w := &world{t: t, ctx: t.Context(), srv: s3test.Start(t, opts...)}
	w.admin, w.host = w.store(w.srv.Admin), w.store(w.srv.Host)
	w.bucket = w.srv.Bucket(t)
	made, err := w.admin.Create(w.ctx, w.bucket, w.srv.Host.Name, CreateOptions{})
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	w.all = made.Check.all
	return w
}

// another is w with a policed bucket of its own, on the same server.
func (w *world) another(t testing.TB) *world {
	t.Helper()
	n := *w
	n.t, n.ctx, n.bucket = t, t.Context(), w.srv.Bucket(t)
	if _, err := n.admin.Create(n.ctx, n.bucket, n.srv.Host.Name, CreateOptions{}); err != nil {
		t.Fatalf("create: %v", err)
	}
	return &n
}

// external tells that the tests run on a real server, not the embedded one.
func external() bool { return os.Getenv("RWM_TEST_S3") != "" }

// store returns a Store that retries quickly.
func (w *world) store(id s3test.Identity, opts ...Option) *Store {
	return w.storeVia(id, nil, opts...)
}

func (w *world) storeVia(id s3test.Identity, rt http.RoundTripper, opts ...Option) *Store {
	if rt == nil {
		tr := &http.Transport{MaxIdleConnsPerHost: 64}
		w.t.Cleanup(tr.CloseIdleConnections)
		rt = tr
	}
	opts = append([]Option{WithTransport(rt), WithRetries(3, time.Millisecond), WithRequestTimeout(20 * time.Second)}, opts...)
	return New(w.srv.ClientVia(w.t, id, rt), opts...)
}

func put(t testing.TB, s *Store, bucket, key, body string) string {
	t.Helper()
	info, err := s.client.PutObject(t.Context(), bucket, key, strings.NewReader(body), int64(len(body)),
		// Without a body, Ceph does not take minio-go's streaming signature.
		minio.PutObjectOptions{SendContentMd5: true, DisableMultipart: true, DisableContentSha256: body == ""})
	if err != nil {
		t.Fatalf("put %q: %v", key, err)
	}
	return info.VersionID
}

func del(t testing.TB, s *Store, bucket, key string) {
	t.Helper()
	if err := s.client.RemoveObject(t.Context(), bucket, key, minio.RemoveObjectOptions{}); err != nil {
		t.Fatalf("delete %q: %v", key, err)
	}
}

// takes are the keys that the server takes: all on the embedded one and on Ceph; those
// that are no file names are refused, or come back as others, on SeaweedFS.
func (w *world) takes(keys ...string) []string {
	w.t.Helper()
	return slices.DeleteFunc(slices.Clone(keys), func(key string) bool {
		if w.srv.Dialect() != "seaweedfs" {
			return false
		}
		odd := strings.HasPrefix(key, "/") || strings.HasSuffix(key, "/") || strings.Contains(key, "//") ||
			slices.ContainsFunc(strings.Split(key, "/"), func(part string) bool { return part == "." || part == ".." }) ||
			strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r == '\ufffe' })
		if odd {
			w.t.Logf("left out here: %q", key)
		}
		return odd
	})
}

// form is a policy in the form that the server takes: not everywhere does "*" stand for
// all actions.
func (w *world) form(policy string) string {
	w.t.Helper()
	if w.all != "" {
		policy = strings.ReplaceAll(policy, `"Action":["*"]`, `"Action":["`+w.all+`"]`)
	}
	return policy
}

func (w *world) put(key, body string) string {
	w.t.Helper()
	return put(w.t, w.host, w.bucket, key, body)
}
func (w *world) del(key string) { w.t.Helper(); del(w.t, w.host, w.bucket, key) }

func (w *world) save() *SavedState {
	w.t.Helper()
	st, err := w.host.Save(w.ctx, w.bucket, CaptureOptions{})
	if err != nil {
		w.t.Fatalf("save: %v", err)
	}
	return st
}

// contents reads every current object of a bucket.
func contents(t testing.TB, s *Store, bucket string) map[string]string {
	t.Helper()
	got := make(map[string]string)
	for v, err := range s.Versions(t.Context(), bucket, "") {
		if err != nil {
			t.Fatalf("versions: %v", err)
		}
		if !v.IsLatest || v.DeleteMarker {
			continue
		}
		o, err := s.client.GetObject(t.Context(), bucket, v.Key, minio.GetObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := io.Copy(&b, o); err != nil {
			t.Fatalf("read %q: %v", v.Key, err)
		}
		got[v.Key] = b.String()
	}
	return got
}

// dump describes every entry of a bucket, for comparison.
func dump(t testing.TB, s *Store, bucket string) []string {
	t.Helper()
	var all []string
	for v, err := range s.Versions(t.Context(), bucket, "") {
		if err != nil {
			t.Fatalf("versions: %v", err)
		}
		all = append(all, fmt.Sprintf("%q %s latest=%v marker=%v", v.Key, v.VersionID, v.IsLatest, v.DeleteMarker))
	}
	return all
}
