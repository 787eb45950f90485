package s3versions

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// versionedBucket is a bucket on a real server and a Client for its owner.
func versionedBucket(t *testing.T) (*Client, *minio.Client, string) {
	t.Helper()
	srv := s3test.Start(t)
	tr := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(tr.CloseIdleConnections)
	client := srv.ClientVia(t, srv.Admin, tr)
	bucket := srv.Bucket(t)
	if err := client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := client.EnableVersioning(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	return New(client, WithTransport(tr), WithRetries(3, time.Millisecond)), client, bucket
}

func (c *Client) mustList(t *testing.T, bucket, prefix string) (all []Version) {
	t.Helper()
	for v, err := range c.Versions(t.Context(), bucket, prefix) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

// Versions are listed, copied and deleted, under keys minio-go refuses, too.
func TestVersionsOnAServer(t *testing.T) {
	c, client, bucket := versionedBucket(t)
	send := func(method, key, body string) {
		t.Helper()
		resp, err := c.Send(t.Context(), Request{Method: method, Bucket: bucket, Key: key, Body: []byte(body)})
		if err != nil {
			t.Fatalf("%s %q: %v", method, key, err)
		}
		resp.Body.Close()
	}
	for i, key := range []string{" ", "a+b", "plain"} {
		send(http.MethodPut, key, fmt.Sprintf("first %d", i))
		send(http.MethodPut, key, fmt.Sprintf("second %d", i))
	}
	if err := client.RemoveObject(t.Context(), bucket, "plain", minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	all := c.mustList(t, bucket, "")
	var got []string
	for _, v := range all {
		got = append(got, fmt.Sprintf("%s latest=%v marker=%v size=%d", v.Key, v.IsLatest, v.DeleteMarker, v.Size))
	}
	want := []string{
		"  latest=true marker=false size=8", "  latest=false marker=false size=7",
		"a+b latest=true marker=false size=8", "a+b latest=false marker=false size=7",
		"plain latest=true marker=true size=0", "plain latest=false marker=false size=8", "plain latest=false marker=false size=7",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Fatalf("%q", got)
	}

	oldest := all[1]
	up, err := c.Copy(t.Context(), minio.CopyDestOptions{Bucket: bucket, Object: "copy"},
		minio.CopySrcOptions{Bucket: bucket, Object: oldest.Key, VersionID: oldest.VersionID})
	if err != nil || BareETag(up.ETag) != BareETag(oldest.ETag) {
		t.Errorf("copy: %v, ETag %s, not %s", err, up.ETag, oldest.ETag)
	}
	o, err := client.GetObject(t.Context(), bucket, "copy", minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	if _, err := io.Copy(&body, o); err != nil || body.String() != "first 0" {
		t.Errorf("the copy holds %q (%v)", body.String(), err)
	}

	for range 2 { // what is gone already is no error
		errs, err := c.Delete(t.Context(), bucket, all)
		if err != nil || errors.Join(errs...) != nil {
			t.Fatal(err, errs)
		}
	}
	if left := c.mustList(t, bucket, ""); len(left) != 1 || left[0].Key != "copy" {
		t.Errorf("left: %+v", left)
	}
	if _, err := c.Delete(t.Context(), bucket, make([]Version, MaxDelete+1)); !errors.Is(err, ErrInvalid) {
		t.Errorf("too many at once: %v", err)
	}
}

// Each cause is told from the others.
func TestErrorsOnAServer(t *testing.T) {
	c, _, _ := versionedBucket(t)
	for bucket, want := range map[string]error{"no-such-bucket": ErrNoBucket, "Not A Bucket": ErrInvalid, "": ErrInvalid} {
		var err error
		for _, err = range c.Versions(t.Context(), bucket, "") {
		}
		if !errors.Is(err, want) {
			t.Errorf("list %q: %v", bucket, err)
		}
	}
}

// A retry is reported to the Client that OnRetry made, and only to that.
func TestOnRetry(t *testing.T) {
	f := &fakeListing{entries: []Version{fakeVersion("a", 0)}}
	c := fakeClient(t, f)
	failures := 1
	f.mangle = func(page []byte, _ url.Values) []byte {
		if failures--; failures >= 0 {
			return page[:len(page)/2]
		}
		return page
	}
	var retries []Retry
	watched := c.OnRetry(func(r Retry) { retries = append(retries, r) })
	if got := watched.mustList(t, "bucket", ""); len(got) != 1 || len(retries) != 1 {
		t.Errorf("%d entries, %d retries", len(got), len(retries))
	}
	if r := retries[0]; r.Bucket != "bucket" || r.Attempt != 1 || !errors.Is(r.Err, ErrTruncated) {
		t.Errorf("%+v", r)
	}
	failures = 1
	if got := c.mustList(t, "bucket", ""); len(got) != 1 || len(retries) != 1 {
		t.Errorf("%d entries, %d retries", len(got), len(retries))
	}
}

// canceledWithOthers fails the first requests as net/http does one that was given the
// connection of a request which was cancelled.
type canceledWithOthers struct {
	http.RoundTripper
	left atomic.Int64
}

func (c *canceledWithOthers) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.left.Add(-1) >= 0 {
		return nil, context.Canceled
	}
	return c.RoundTripper.RoundTrip(r)
}

// The cancellation of one request does not end another, whose context lives on. It
// counts as no attempt; but if it never ends, the request does.
func TestCancelledWithAnother(t *testing.T) {
	f := &fakeListing{entries: []Version{fakeVersion("a", 0)}}
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	client := func(others int64) *Client {
		rt := &canceledWithOthers{RoundTripper: tr}
		rt.left.Store(others)
		return fakeClient(t, f, WithTransport(rt), WithRetries(1, time.Millisecond))
	}
	if got := client(maxForeign).mustList(t, "bucket", ""); len(got) != 1 {
		t.Errorf("%d entries", len(got))
	}
	if _, err := all(client(1000), t); !errors.Is(err, ErrUnreachable) || errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// untilCancelled waits for the end of a request and reports its cause, as net/http
// does.
type untilCancelled struct {
	entered chan struct{}
	causes  chan error
}

func (u untilCancelled) RoundTrip(r *http.Request) (*http.Response, error) {
	u.entered <- struct{}{}
	<-r.Context().Done()
	u.causes <- context.Cause(r.Context())
	return nil, context.Cause(r.Context())
}

// What ends a request is hidden from it: net/http would hand the cause to the next
// request on that connection.
func TestRequestsCarryNoCause(t *testing.T) {
	u := untilCancelled{entered: make(chan struct{}), causes: make(chan error, 10)}
	ctx, end := context.WithCancelCause(t.Context())
	go func() {
		<-u.entered
		end(minio.ErrorResponse{Code: "AccessDenied"})
	}()
	c := fakeClient(t, &fakeListing{}, WithTransport(u))
	if _, err := c.Call(ctx, Request{Method: http.MethodGet, Bucket: "bucket"}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if cause := <-u.causes; cause != context.Canceled {
		t.Errorf("the request was told %v", cause)
	}
}
