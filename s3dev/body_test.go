package s3dev_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/signer"
)

func TestChecksumsAreVerified(t *testing.T) {
	e := start(t)
	e.bucket("sums", true)
	data := []byte("some bytes")
	for name, tt := range map[string]struct {
		header, value string
		status        int
	}{
		"sha256":       {"X-Amz-Checksum-Sha256", sha256Base64(data), 200},
		"wrong sha256": {"X-Amz-Checksum-Sha256", sha256Base64([]byte("other")), 400},
		"md5":          {"Content-MD5", md5Base64(data), 200},
		"wrong md5":    {"Content-MD5", md5Base64([]byte("other")), 400},
		"no md5":       {"Content-MD5", "x", 400},
	} {
		resp, body := e.raw(&adminUser, "PUT", "/sums/"+strings.ReplaceAll(name, " ", "-"), "", data, tt.header, tt.value)
		if resp.StatusCode != tt.status {
			t.Errorf("%s: %d %s", name, resp.StatusCode, body)
		}
		if tt.status == 200 && resp.Header.Get("ETag") != `"`+md5Hex(data)+`"` {
			t.Errorf("%s: ETag %s", name, resp.Header.Get("ETag"))
		}
		if resp, _ := e.raw(&adminUser, "GET", "/sums/"+strings.ReplaceAll(name, " ", "-"), "", nil); (resp.StatusCode == 200) != (tt.status == 200) {
			t.Errorf("%s: stored %v", name, resp.StatusCode == 200)
		}
	}
	resp, _ := e.raw(&adminUser, "HEAD", "/sums/sha256", "", nil, "X-Amz-Checksum-Mode", "ENABLED")
	if got := resp.Header.Get("X-Amz-Checksum-Sha256"); got != sha256Base64(data) {
		t.Errorf("the checksum came back as %q", got)
	}
}

func TestRanges(t *testing.T) {
	e := start(t)
	c := e.bucket("ranges", true)
	e.put(c, "ranges", "k", "0123456789")
	e.put(c, "ranges", "empty", "")
	for _, tt := range []struct {
		key, header, want string
		status            int
	}{
		{"k", "bytes=2-4", "234", 206}, {"k", "bytes=7-", "789", 206}, {"k", "bytes=-3", "789", 206}, {"k", "bytes=5-100", "56789", 206},
		{"k", "bytes=10-", "", 416}, {"k", "lines=1-2", "0123456789", 200}, {"k", "bytes=4-2", "0123456789", 200}, {"empty", "bytes=0-", "", 416},
	} {
		resp, body := e.raw(&adminUser, "GET", "/ranges/"+tt.key, "", nil, "Range", tt.header)
		if resp.StatusCode != tt.status || tt.status != 416 && string(body) != tt.want {
			t.Errorf("%s %s: %d %q", tt.key, tt.header, resp.StatusCode, body)
		}
	}
	if resp, _ := e.raw(&adminUser, "HEAD", "/ranges/k", "", nil); resp.ContentLength != 10 {
		t.Errorf("HEAD tells %d bytes", resp.ContentLength)
	}
}

func TestConditionalPut(t *testing.T) {
	e := start(t)
	c := e.bucket("once", true)
	put := func(want int) {
		t.Helper()
		if resp, body := e.raw(&adminUser, "PUT", "/once/k", "", []byte("x"), "If-None-Match", "*"); resp.StatusCode != want {
			t.Errorf("%d %s, want %d", resp.StatusCode, body, want)
		}
	}
	put(200)
	put(412)
	e.ok(c.RemoveObject(t.Context(), "once", "k", minio.RemoveObjectOptions{}))
	put(200) // after a delete marker the key is free again
}

// TestConnectionsStayUsable mixes what used to leave bytes on a connection
// with ordinary requests on the same connection.
func TestConnectionsStayUsable(t *testing.T) {
	e := start(t)
	e.bucket("reuse", true)
	tr := &http.Transport{MaxConnsPerHost: 1}
	defer tr.CloseIdleConnections()
	for i := range 300 {
		req, err := http.NewRequest("PUT", e.URL()+"/reuse/k", http.NoBody)
		e.ok(err)
		u := adminUser
		want := 200
		switch i % 3 {
		case 0: // an empty object, sent in signed chunks
			req.Body = io.NopCloser(strings.NewReader(""))
			req = signer.StreamingSignV4(req, adminUser.AccessKey, adminUser.SecretKey, "", "us-east-1", 0, time.Now().UTC(), newHasher())
		case 1: // refused before the body was read
			u, want = otherUser, 403
			data := bytes.Repeat([]byte("x"), 1<<20)
			req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
			req.Header.Set("X-Amz-Content-Sha256", sha256Hex(data))
			req = signer.SignV4(*req, u.AccessKey, u.SecretKey, "", "us-east-1")
		default:
			req.Header.Set("X-Amz-Content-Sha256", sha256Hex(nil))
			req = signer.SignV4(*req, u.AccessKey, u.SecretKey, "", "us-east-1")
		}
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Fatalf("request %d: %d %s", i, resp.StatusCode, body)
		}
	}
}

// Requests without a body go over one connection, whatever their outcome.
func TestConnectionsAreKept(t *testing.T) {
	e := start(t)
	e.bucket("kept", true)
	var dialed atomic.Int32
	tr := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		dialed.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}}
	defer tr.CloseIdleConnections()
	for i, method := range []string{"GET", "HEAD", "DELETE", "GET", "HEAD"} {
		req, err := http.NewRequest(method, fmt.Sprintf("%s/kept/k%d", e.URL(), i), http.NoBody)
		e.ok(err)
		req.Header.Set("X-Amz-Content-Sha256", sha256Hex(nil))
		resp, err := tr.RoundTrip(signer.SignV4(*req, adminUser.AccessKey, adminUser.SecretKey, "", "us-east-1"))
		e.ok(err)
		_, err = io.Copy(io.Discard, resp.Body)
		e.ok(errors.Join(err, resp.Body.Close()))
	}
	if n := dialed.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestLargeObjects(t *testing.T) {
	e := start(t)
	c := e.bucket("large", true)
	data := bytes.Repeat([]byte("0123456789abcdef"), 150<<20/16) // more than is allocated at once
	opts := minio.PutObjectOptions{DisableMultipart: true}
	_, err := c.Client.PutObject(t.Context(), "large", "k", bytes.NewReader(data), int64(len(data)), opts)
	e.ok(err)
	o, err := c.Client.GetObject(t.Context(), "large", "k", minio.GetObjectOptions{})
	e.ok(err)
	defer o.Close()
	got := make([]byte, 1<<20)
	total := 0
	for {
		n, err := io.ReadFull(o, got)
		if !bytes.Equal(got[:n], data[total:total+n]) {
			t.Fatalf("differs after %d bytes", total)
		}
		total += n
		if err != nil {
			break
		}
	}
	if total != len(data) {
		t.Errorf("read %d of %d bytes", total, len(data))
	}
}
