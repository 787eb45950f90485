package s3dev_test

import (
	"encoding/xml"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
)

// oddKeys are all legal in S3.
var oddKeys = []string{
	"+", "a+b", "a b", " ", "%", "%2F", "%25", "a%20b", "a&b=c", "a?b", "?versionId=x", "x?versionId=null", "a#b", "a;b,c:d@e$f!",
	"ü/日本/🎉", "a//b", "//", "/leading", "//leading", "trailing/", "trailing//", ".", "..", "./x", "../x", "../../etc/passwd",
	"a/../b", "a/..", "a/./b", "a/.", "new\nline", "tab\tcr\r", "\x01\x1f\x7f", "quote\"'<>", `back\slash`, "~s3dev-armored~", "~s3dev-armored~2e2e",
	"null", strings.Repeat("k", 1024), "data/00/", "Data/UPPER",
}

func TestOddKeys(t *testing.T) {
	e := start(t)
	ctx := t.Context()
	admin := e.bucket("keys", true)
	e.police("keys")
	host := e.client(hostUser)
	escape := func(key string) string { // every byte, so that no client tidies up the path
		var b strings.Builder
		for _, c := range []byte(key) {
			b.WriteString("%" + strings.ToUpper(string("0123456789abcdef"[c>>4])+string("0123456789abcdef"[c&15])))
		}
		return b.String()
	}
	for _, key := range oddKeys {
		t.Run(key, func(t *testing.T) {
			path := "/keys/" + escape(key)
			if resp, body := e.raw(&hostUser, "PUT", path, "", []byte("one "+key)); resp.StatusCode != 200 {
				t.Fatalf("PUT: %d %s", resp.StatusCode, body)
			}
			resp, body := e.raw(&adminUser, "GET", path, "", nil)
			if resp.StatusCode != 200 || string(body) != "one "+key {
				t.Fatalf("GET: %d %q", resp.StatusCode, body)
			}
			old := resp.Header.Get("X-Amz-Version-Id")
			if resp, body := e.raw(&hostUser, "PUT", path, "", []byte("two")); resp.StatusCode != 200 {
				t.Fatalf("PUT: %d %s", resp.StatusCode, body)
			}
			// A copy of the older version, both from and to the odd key.
			source := url.QueryEscape("keys/"+key) + "?versionId=" + old
			if resp, body := e.raw(&adminUser, "PUT", path, "", nil, "X-Amz-Copy-Source", source); resp.StatusCode != 200 {
				t.Fatalf("copy: %d %s", resp.StatusCode, body)
			}
			if _, body := e.raw(&adminUser, "GET", path, "", nil); string(body) != "one "+key {
				t.Fatalf("the copy holds %q", body)
			}
			if resp, _ := e.raw(nil, "GET", path, "", nil); resp.StatusCode != 403 {
				t.Errorf("anonymous GET: %d", resp.StatusCode)
			}
			if resp, _ := e.raw(&hostUser, "DELETE", path, "versionId="+old, nil); resp.StatusCode != 403 {
				t.Errorf("the host deletes a version: %d", resp.StatusCode)
			}
			if resp, _ := e.raw(&adminUser, "DELETE", path, "versionId="+old, nil); resp.StatusCode != 204 {
				t.Errorf("DELETE: %d", resp.StatusCode)
			}
		})
	}
	// All of them in a listing, and gone with a batch delete.
	var names []string
	for o := range admin.Client.ListObjects(ctx, "keys", minio.ListObjectsOptions{Recursive: true}) {
		e.ok(o.Err)
		names = append(names, o.Key)
	}
	want := slices.Sorted(slices.Values(oddKeys))
	if !slices.Equal(names, want) {
		t.Errorf("listed\n%q\nwant\n%q", names, want)
	}
	objects := make(chan minio.ObjectInfo, len(oddKeys))
	for _, key := range oddKeys {
		// The client cannot write control characters into XML 1.0.
		if !strings.ContainsAny(key, "\x01\x1f") {
			objects <- minio.ObjectInfo{Key: key}
		}
	}
	close(objects)
	for err := range host.RemoveObjects(ctx, "keys", objects, minio.RemoveObjectsOptions{}) {
		t.Errorf("remove %q: %v", err.ObjectName, err.Err)
	}
	var left []string
	for o := range admin.Client.ListObjects(ctx, "keys", minio.ListObjectsOptions{Recursive: true}) {
		left = append(left, o.Key)
	}
	if !slices.Equal(left, []string{"\x01\x1f\x7f"}) {
		t.Errorf("left over: %q", left)
	}
}

func TestControlCharactersNeedEncoding(t *testing.T) {
	e := start(t)
	admin := e.bucket("control", false)
	e.put(admin, "control", "a\x01b", "x")
	_, body := e.raw(&adminUser, "GET", "/control", "list-type=2", nil)
	if !strings.Contains(string(body), "<Key>a&#x01;b</Key>") || xml.Unmarshal(body, &struct{}{}) == nil {
		t.Errorf("not the invalid XML that real servers send: %s", body)
	}
	if _, body = e.raw(&adminUser, "GET", "/control", "encoding-type=url&list-type=2", nil); !strings.Contains(string(body), "<Key>a%01b</Key>") {
		t.Errorf("no encoded key in %s", body)
	}
	if resp, _ := e.raw(&adminUser, "PUT", "/control/"+strings.Repeat("k", 1025), "", nil); resp.StatusCode != 400 {
		t.Errorf("a key of 1025 bytes: %d", resp.StatusCode)
	}
}
