package s3dev_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/s3dev"
	"github.com/minio/minio-go/v7"
)

const kmsDefault = `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm>` +
	`</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`

func (e *world) putSetting(bucket, query, body string) string {
	return e.status(adminUser, "PUT", "/"+bucket, query+"=", body, "Content-MD5", md5Base64([]byte(body)))
}

func etagOf(resp *http.Response) string { return strings.Trim(resp.Header.Get("Etag"), `"`) }

// TestKMSETags: under SSE-KMS an ETag is no MD5 and no two are the same.
func TestKMSETags(t *testing.T) {
	t.Parallel()
	e := start(t)
	e.bucket("kms", true)
	plain := md5Hex([]byte("x"))
	if resp, _ := e.raw(&adminUser, "PUT", "/kms/before", "", []byte("x")); etagOf(resp) != plain {
		t.Errorf("without encryption: %s", etagOf(resp))
	}
	if got := e.putSetting("kms", "encryption", kmsDefault); got != "200" {
		t.Fatal(got)
	}
	if _, body := e.raw(&adminUser, "GET", "/kms", "encryption=", nil); string(body) != kmsDefault {
		t.Errorf("read back: %s", body)
	}
	seen := map[string]bool{plain: true}
	for _, req := range [][]string{{"/kms/a"}, {"/kms/a"}, {"/kms/copy", "X-Amz-Copy-Source", "kms/before"}} {
		var body []byte
		if len(req) == 1 {
			body = []byte("x")
		}
		resp, text := e.raw(&adminUser, "PUT", req[0], "", body, req[1:]...)
		if resp.StatusCode != 200 || resp.Header.Get("X-Amz-Server-Side-Encryption") != "aws:kms" {
			t.Fatalf("%d %s %v", resp.StatusCode, text, resp.Header)
		}
		resp, _ = e.raw(&adminUser, "HEAD", req[0], "", nil)
		if tag := etagOf(resp); seen[tag] || len(tag) != 32 {
			t.Errorf("%s: ETag %q", req[0], tag)
		} else {
			seen[tag] = true
		}
	}
	// A copy that is not encrypted has its MD5 again.
	e.bucket("plain", true)
	e.raw(&adminUser, "PUT", "/plain/a", "", nil, "X-Amz-Copy-Source", "kms/a")
	if resp, _ := e.raw(&adminUser, "HEAD", "/plain/a", "", nil); etagOf(resp) != plain {
		t.Errorf("a plain copy: %s", etagOf(resp))
	}
}

func customerKey(b byte) []string {
	key := bytes.Repeat([]byte{b}, 32)
	const h = "X-Amz-Server-Side-Encryption-Customer-"
	return []string{h + "Algorithm", "AES256", h + "Key", base64.StdEncoding.EncodeToString(key), h + "Key-MD5", md5Base64(key)}
}

// TestCustomerKey: with SSE-C size and, on RGW, ETag look as ever, but nobody
// reads the object without the key.
func TestCustomerKey(t *testing.T) {
	t.Parallel()
	for dialect, plain := range map[s3dev.Dialect]bool{s3dev.AWS: false, s3dev.RGW: true, s3dev.RGW20: true} {
		e := start(t, func(c *s3dev.Config) { c.Dialect = dialect })
		e.bucket("ssec", true)
		resp, _ := e.raw(&adminUser, "PUT", "/ssec/k", "", []byte("x"), customerKey(1)...)
		if got := etagOf(resp) == md5Hex([]byte("x")); got != plain {
			t.Errorf("%s: plain ETag: %v", dialect, got)
		}
		for name, tt := range map[string]struct {
			header []string
			want   int
		}{"no key": {nil, 400}, "wrong key": {customerKey(2), 403}, "key": {customerKey(1), 200}} {
			for _, method := range []string{"GET", "HEAD"} {
				if resp, _ := e.raw(&adminUser, method, "/ssec/k", "", nil, tt.header...); resp.StatusCode != tt.want {
					t.Errorf("%s: %s with %s: %d", dialect, method, name, resp.StatusCode)
				}
			}
		}
		if got := e.status(adminUser, "PUT", "/ssec/copy", "", "", "X-Amz-Copy-Source", "ssec/k"); got != "400 InvalidRequest" {
			t.Errorf("%s: copying without the key: %s", dialect, got)
		}
		if got := e.versions("ssec", nil); got != "k " {
			t.Errorf("%s: listed: %q", dialect, got)
		}
	}
}

// TestStorageClassRewrite is a copy in place that makes an object unreadable:
// it is listed as before, but for its class.
func TestStorageClassRewrite(t *testing.T) {
	t.Parallel()
	e := start(t)
	c := e.bucket("cold", true)
	v := e.put(c, "cold", "k", "x")
	if got := e.status(adminUser, "PUT", "/cold/k", "", "", "X-Amz-Copy-Source", "cold/k"); got != "400 InvalidRequest" {
		t.Errorf("a copy that changes nothing: %s", got)
	}
	if got := e.status(adminUser, "PUT", "/cold/k", "", "", "X-Amz-Copy-Source", "cold/k", "X-Amz-Storage-Class", "GLACIER"); got != "200" {
		t.Fatal(got)
	}
	if got := e.status(adminUser, "GET", "/cold/k", "", ""); got != "403 InvalidObjectState" {
		t.Errorf("GET: %s", got)
	}
	if got := e.status(adminUser, "PUT", "/cold/copy", "", "", "X-Amz-Copy-Source", "cold/k"); got != "403 InvalidObjectState" {
		t.Errorf("copy: %s", got)
	}
	resp, _ := e.raw(&adminUser, "HEAD", "/cold/k", "", nil)
	if resp.StatusCode != 200 || resp.Header.Get("X-Amz-Storage-Class") != "GLACIER" || etagOf(resp) != md5Hex([]byte("x")) {
		t.Errorf("HEAD: %d %v", resp.StatusCode, resp.Header)
	}
	if _, body := e.raw(&adminUser, "GET", "/cold", "list-type=2", nil); !strings.Contains(string(body), "<StorageClass>GLACIER</StorageClass>") {
		t.Errorf("listed: %s", body)
	}
	if text, err := e.get(c, "cold", "k", v); text != "x" || err != nil {
		t.Errorf("the version before: %q, %v", text, err)
	}
	if got := e.status(adminUser, "PUT", "/cold/k", "", "x", "X-Amz-Storage-Class", "FREEZER"); got != "400 InvalidStorageClass" {
		t.Errorf("an unknown class: %s", got)
	}
}

func TestQuota(t *testing.T) {
	t.Parallel()
	e := start(t)
	c := e.bucket("full", true)
	v := e.put(c, "full", "k", "12345")
	e.put(c, "full", "k", "12345")
	e.ok(e.SetQuota("full", s3dev.Quota{Bytes: 12}))
	if got := e.status(adminUser, "PUT", "/full/other", "", "123"); got != "403 QuotaExceeded" {
		t.Errorf("PUT: %s", got)
	}
	if got := e.status(adminUser, "PUT", "/full/other", "", "", "X-Amz-Copy-Source", "full/k"); got != "403 QuotaExceeded" {
		t.Errorf("copy: %s", got)
	}
	if got := e.status(adminUser, "PUT", "/full/other", "", "12"); got != "200" {
		t.Errorf("what fits: %s", got)
	}
	e.ok(c.RemoveObject(t.Context(), "full", "k", minio.RemoveObjectOptions{}))
	e.ok(c.RemoveObject(t.Context(), "full", "k", minio.RemoveObjectOptions{VersionID: v}))
	if u, err := e.Usage("full"); err != nil || u != (s3dev.Usage{Bytes: 7, Objects: 2, Markers: 1}) {
		t.Errorf("usage: %+v, %v", u, err)
	}
	if got := e.status(adminUser, "PUT", "/full/again", "", "12345"); got != "200" {
		t.Errorf("after reclaiming: %s", got)
	}
	e.ok(e.SetQuota("full", s3dev.Quota{Objects: 3}))
	if got := e.status(adminUser, "PUT", "/full/more", "", ""); got != "403 QuotaExceeded" {
		t.Errorf("too many objects: %s", got)
	}
	if err := e.SetQuota("none", s3dev.Quota{}); err == nil {
		t.Error("no bucket, no error")
	}
}

func TestStoredConfigurations(t *testing.T) {
	t.Parallel()
	e := start(t, func(c *s3dev.Config) { c.Dialect = s3dev.RGW18 })
	e.bucket("config", true)
	e.allow("config")
	for query, tt := range map[string]struct{ body, before string }{
		"encryption":   {kmsDefault, "404 ServerSideEncryptionConfigurationNotFoundError"},
		"replication":  {"<ReplicationConfiguration><Role>r</Role></ReplicationConfiguration>", "404 ReplicationConfigurationNotFoundError"},
		"notification": {"<NotificationConfiguration><TopicConfiguration><Topic>t</Topic></TopicConfiguration></NotificationConfiguration>", "200"},
	} {
		if got := e.status(adminUser, "GET", "/config", query+"=", ""); got != tt.before {
			t.Errorf("%s before: %s", query, got)
		}
		if got := e.status(hostUser, "PUT", "/config", query+"=", tt.body, "Content-MD5", md5Base64([]byte(tt.body))); got != "403 AccessDenied" {
			t.Errorf("%s by the host: %s", query, got)
		}
		if got := e.putSetting("config", query, tt.body); got != "200" {
			t.Errorf("%s: %s", query, got)
		}
		if _, body := e.raw(&adminUser, "GET", "/config", query+"=", nil); string(body) != tt.body {
			t.Errorf("%s read back: %s", query, body)
		}
	}
}

// TestListedTimes: whole seconds in listings, and the date of a multipart upload.
func TestListedTimes(t *testing.T) {
	t.Parallel()
	began := lockStart.Add(123 * time.Millisecond)
	for dialect, want := range map[s3dev.Dialect][2]string{
		s3dev.AWS:       {"2030-01-01T12:00:00.123Z", "2030-01-01T12:00:00.123Z"},
		s3dev.RGW:       {"2030-01-01T12:00:00.123Z", "2030-01-01T13:00:00.123Z"},
		s3dev.RGW20:     {"2030-01-01T12:00:00.000Z", "2030-01-01T13:00:00.000Z"},
		s3dev.SeaweedFS: {"2030-01-01T12:00:00.000Z", "2030-01-01T13:00:00.000Z"},
	} {
		e := start(t, func(c *s3dev.Config) { c.Dialect = dialect })
		e.Clock().Freeze(began)
		ctx := t.Context()
		c := e.bucket("times", true)
		e.put(c, "times", "put", "x")
		id, err := c.NewMultipartUpload(ctx, "times", "up", minio.PutObjectOptions{})
		e.ok(err)
		part, err := c.PutObjectPart(ctx, "times", "up", id, 1, strings.NewReader("x"), 1, minio.PutObjectPartOptions{})
		e.ok(err)
		e.Clock().Advance(time.Hour)
		_, err = c.CompleteMultipartUpload(ctx, "times", "up", id, []minio.CompletePart{{PartNumber: 1, ETag: part.ETag}}, minio.PutObjectOptions{})
		e.ok(err)
		_, body := e.raw(&adminUser, "GET", "/times", "versions=", nil)
		_, rest, _ := strings.Cut(string(body), "<Key>put</Key>")
		for i, key := range []string{"put", "up"} {
			_, rest, _ := strings.Cut(string(body), "<Key>"+key+"</Key>")
			_, rest, _ = strings.Cut(rest, "<LastModified>")
			if got, _, _ := strings.Cut(rest, "<"); got != want[i] {
				t.Errorf("%s: %s is of %s, want %s", dialect, key, got, want[i])
			}
		}
		if !strings.Contains(rest, `-1&quot;</ETag>`) {
			t.Errorf("%s: no ETag of a multipart upload: %s", dialect, rest)
		}
	}
}

// TestIfNoneMatch: who checks it in a versioned bucket, also at the end of a
// multipart upload.
func TestIfNoneMatch(t *testing.T) {
	t.Parallel()
	for dialect, want := range map[s3dev.Dialect]string{
		s3dev.AWS: "412", s3dev.RGW: "200", s3dev.RGW18: "200", s3dev.RGW20: "412", s3dev.SeaweedFS: "412",
	} {
		e := start(t, func(c *s3dev.Config) { c.Dialect = dialect })
		c := e.bucket("cond", true)
		e.put(c, "cond", "k", "x")
		id, err := c.NewMultipartUpload(t.Context(), "cond", "k", minio.PutObjectOptions{})
		e.ok(err)
		part, err := c.PutObjectPart(t.Context(), "cond", "k", id, 1, strings.NewReader("x"), 1, minio.PutObjectPartOptions{})
		e.ok(err)
		complete := "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + part.ETag + "</ETag></Part></CompleteMultipartUpload>"
		for name, got := range map[string]string{
			"put":      e.status(adminUser, "PUT", "/cond/k", "", "y", "If-None-Match", "*"),
			"complete": e.status(adminUser, "POST", "/cond/k", "uploadId="+id, complete, "If-None-Match", "*"),
		} {
			if !strings.HasPrefix(got, want) {
				t.Errorf("%s %s: %s, want %s", dialect, name, got, want)
			}
		}
		if got := e.status(adminUser, "PUT", "/cond/new", "", "y", "If-None-Match", "*"); got != "200" {
			t.Errorf("%s: a new key: %s", dialect, got)
		}
	}
}

// TestOneMarker: some servers put no marker on a marker, nor on nothing.
func TestOneMarker(t *testing.T) {
	t.Parallel()
	for dialect, want := range map[s3dev.Dialect]string{
		s3dev.AWS: "k marker, k marker, k , none marker", s3dev.RGW: "k marker, k ", s3dev.RGW18: "k marker, k ",
		s3dev.RGW20: "k marker, k marker, k , none marker",
	} {
		e := start(t, func(c *s3dev.Config) { c.Dialect = dialect })
		c := e.bucket("markers", true)
		e.put(c, "markers", "k", "x")
		for _, key := range []string{"k", "k", "none"} {
			e.ok(c.RemoveObject(t.Context(), "markers", key, minio.RemoveObjectOptions{}))
		}
		if got := e.versions("markers", nil); got != want {
			t.Errorf("%s: %s, want %s", dialect, got, want)
		}
	}
}

// TestChecksumsByDialect: who verifies x-amz-checksum-sha256, and who gives it
// back.
func TestChecksumsByDialect(t *testing.T) {
	t.Parallel()
	const asked = "X-Amz-Sdk-Checksum-Algorithm"
	for dialect, want := range map[s3dev.Dialect]string{
		s3dev.AWS: "400 400 kept kept", s3dev.RGW: "200 200 - -", s3dev.RGW18: "200 200 - -", s3dev.RGW20: "200 400 - kept",
	} {
		e := start(t, func(c *s3dev.Config) { c.Dialect = dialect })
		e.bucket("sums", true)
		wrong := []string{"X-Amz-Checksum-Sha256", sha256Base64([]byte("y"))}
		right := []string{"X-Amz-Checksum-Sha256", sha256Base64([]byte("x"))}
		var got []string
		for _, h := range [][]string{wrong, append(wrong, asked, "SHA256")} {
			resp, _ := e.raw(&adminUser, "PUT", "/sums/k", "", []byte("x"), h...)
			got = append(got, fmt.Sprint(resp.StatusCode))
		}
		for _, h := range [][]string{right, append(right, asked, "SHA256")} {
			e.raw(&adminUser, "PUT", "/sums/k", "", []byte("x"), h...)
			resp, _ := e.raw(&adminUser, "HEAD", "/sums/k", "", nil, "X-Amz-Checksum-Mode", "ENABLED")
			if resp.Header.Get("X-Amz-Checksum-Sha256") == right[1] {
				got = append(got, "kept")
			} else {
				got = append(got, "-")
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %s, want %s", dialect, s, want)
		}
	}
}
