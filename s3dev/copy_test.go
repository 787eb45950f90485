package s3dev_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
)

func TestCopy(t *testing.T) {
	e := start(t)
	ctx := t.Context()
	c := e.bucket("from", true)
	e.ok(c.MakeBucket(ctx, "dest", minio.MakeBucketOptions{}))
	info, err := c.Client.PutObject(ctx, "from", "k", strings.NewReader("old"), 3, minio.PutObjectOptions{
		ContentType: "text/x-old", UserMetadata: map[string]string{"A": "b"}, UserTags: map[string]string{"t": "1"},
	})
	e.ok(err)
	e.put(c, "from", "k", "new")
	e.ok(c.RemoveObject(ctx, "from", "k", minio.RemoveObjectOptions{}))
	_, err = c.Client.CopyObject(ctx, minio.CopyDestOptions{Bucket: "dest", Object: "k"}, minio.CopySrcOptions{Bucket: "from", Object: "k", VersionID: info.VersionID})
	e.ok(err)
	if text, err := e.get(c, "dest", "k", ""); text != "old" || err != nil {
		t.Errorf("the copy holds %q, %v", text, err)
	}
	stat, err := c.Client.StatObject(ctx, "dest", "k", minio.StatObjectOptions{})
	e.ok(err)
	if stat.ContentType != "text/x-old" || stat.UserMetadata["A"] != "b" || stat.ETag != md5Hex([]byte("old")) || stat.UserTagCount != 1 {
		t.Errorf("the copy is %+v", stat)
	}
	resp, body := e.raw(&adminUser, "PUT", "/dest/k2", "", nil, "X-Amz-Copy-Source", "from/k?versionId="+info.VersionID)
	if resp.Header.Get("X-Amz-Copy-Source-Version-Id") != info.VersionID || !strings.Contains(string(body), md5Hex([]byte("old"))) {
		t.Errorf("%v %s", resp.Header, body)
	}
	for source, want := range map[string]int{
		"from/k": 404, "from/none": 404, "none/k": 404, "from/k?versionId=0123456789abcdef": 404, "dest/k": 200,
	} {
		if resp, body := e.raw(&adminUser, "PUT", "/dest/x", "", nil, "X-Amz-Copy-Source", source); resp.StatusCode != want {
			t.Errorf("from %s: %d %s", source, resp.StatusCode, body)
		}
	}
	if resp, _ := e.raw(&adminUser, "PUT", "/dest/k", "", nil, "X-Amz-Copy-Source", "dest/k"); resp.StatusCode != 400 {
		t.Errorf("a copy onto itself: %d", resp.StatusCode)
	}
	if resp, _ := e.raw(&hostUser, "PUT", "/dest/k", "", nil, "X-Amz-Copy-Source", "from/k"); resp.StatusCode != 403 {
		t.Errorf("a stranger copies: %d", resp.StatusCode)
	}
}

// Copying a version takes the right to read versions, which a host has not.
func TestCopyOfAVersionAsHost(t *testing.T) {
	e := start(t)
	c := e.bucket("policed", true)
	e.police("policed")
	info, err := c.Client.PutObject(t.Context(), "policed", "k", strings.NewReader("old"), 3, minio.PutObjectOptions{})
	e.ok(err)
	e.put(c, "policed", "k", "new")
	for source, want := range map[string]int{"policed/k": 200, "policed/k?versionId=" + info.VersionID: 403} {
		if resp, body := e.raw(&hostUser, "PUT", "/policed/copy", "", nil, "X-Amz-Copy-Source", source); resp.StatusCode != want {
			t.Errorf("from %s: %d %s", source, resp.StatusCode, body)
		}
		host := e.client(hostUser)
		up, err := host.NewMultipartUpload(t.Context(), "policed", "parts", minio.PutObjectOptions{})
		e.ok(err)
		resp, body := e.raw(&hostUser, "PUT", "/policed/parts", "partNumber=1&uploadId="+up, nil, "X-Amz-Copy-Source", source)
		if resp.StatusCode != want {
			t.Errorf("a part from %s: %d %s", source, resp.StatusCode, body)
		}
	}
}

func TestMultipart(t *testing.T) {
	e := start(t)
	ctx := t.Context()
	c := e.bucket("parts", true)
	e.put(c, "parts", "source", strings.Repeat("s", 100))
	first, last := bytes.Repeat([]byte("1"), 5<<20), []byte("end")
	id, err := c.NewMultipartUpload(ctx, "parts", "k", minio.PutObjectOptions{ContentType: "text/x-parts"})
	e.ok(err)
	p1, err := c.PutObjectPart(ctx, "parts", "k", id, 1, bytes.NewReader(first), int64(len(first)), minio.PutObjectPartOptions{})
	e.ok(err)
	p3, err := c.PutObjectPart(ctx, "parts", "k", id, 3, bytes.NewReader(last), int64(len(last)), minio.PutObjectPartOptions{})
	e.ok(err)
	p2, err := c.CopyObjectPart(ctx, "parts", "source", "parts", "k", id, 2, 10, 20, nil)
	e.ok(err)
	list, err := c.ListObjectParts(ctx, "parts", "k", id, 0, 10)
	e.ok(err)
	if len(list.ObjectParts) != 3 || list.ObjectParts[1].Size != 20 {
		t.Errorf("parts are %+v", list.ObjectParts)
	}
	complete := func(parts ...minio.CompletePart) error {
		_, err := c.CompleteMultipartUpload(ctx, "parts", "k", id, parts, minio.PutObjectOptions{})
		return err
	}
	a, b, d := minio.CompletePart{PartNumber: 1, ETag: p1.ETag}, p2, minio.CompletePart{PartNumber: 3, ETag: p3.ETag}
	if err := complete(a, b, d); code(err) != "EntityTooSmall" {
		t.Errorf("a small part in the middle: %v", err)
	}
	if err := complete(d, a); code(err) != "InvalidPartOrder" {
		t.Errorf("parts in disorder: %v", err)
	}
	if err := complete(a, minio.CompletePart{PartNumber: 3, ETag: p1.ETag}); code(err) != "InvalidPart" {
		t.Errorf("a wrong ETag: %v", err)
	}
	e.ok(complete(a, b))
	sums, err := hex.DecodeString(strings.ReplaceAll(p1.ETag+p2.ETag, `"`, ""))
	e.ok(err)
	stat, err := c.Client.StatObject(ctx, "parts", "k", minio.StatObjectOptions{})
	e.ok(err)
	if want := md5Hex(sums) + "-2"; stat.ETag != want || stat.Size != 5<<20+20 || stat.ContentType != "text/x-parts" {
		t.Errorf("the object is %+v, want the ETag %s", stat, want)
	}
	resp, body := e.raw(&adminUser, "GET", "/parts/k", "", nil, "Range", fmt.Sprintf("bytes=%d-%d", 5<<20-2, 5<<20+2))
	if resp.StatusCode != 206 || string(body) != "11sss" {
		t.Errorf("across parts: %d %q", resp.StatusCode, body)
	}
	id, err = c.NewMultipartUpload(ctx, "parts", "gone", minio.PutObjectOptions{})
	e.ok(err)
	up, err := c.ListMultipartUploads(ctx, "parts", "", "", "", "", 10)
	e.ok(err)
	if len(up.Uploads) != 1 || up.Uploads[0].UploadID != id {
		t.Errorf("uploads are %+v", up.Uploads)
	}
	e.ok(c.AbortMultipartUpload(ctx, "parts", "gone", id))
	if err := c.AbortMultipartUpload(ctx, "parts", "gone", id); code(err) != "NoSuchUpload" {
		t.Errorf("aborting twice: %v", err)
	}
	// The client's own multipart upload, with checksums in trailers.
	big := bytes.Repeat([]byte("0123456789"), 2<<20)
	_, err = c.Client.PutObject(ctx, "parts", "big", bytes.NewReader(big), int64(len(big)), minio.PutObjectOptions{PartSize: 6 << 20})
	e.ok(err)
	if text, err := e.get(c, "parts", "big", ""); text != string(big) || err != nil {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

func TestObjectLock(t *testing.T) {
	e := start(t)
	ctx := t.Context()
	c := e.client(adminUser)
	e.ok(c.MakeBucket(ctx, "locked", minio.MakeBucketOptions{ObjectLocking: true}))
	e.ok(c.MakeBucket(ctx, "open", minio.MakeBucketOptions{}))
	v := e.put(c, "locked", "k", "x")
	mode, until := minio.Compliance, time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	e.ok(c.PutObjectRetention(ctx, "locked", "k", minio.PutObjectRetentionOptions{Mode: &mode, RetainUntilDate: &until, VersionID: v}))
	gotMode, gotUntil, err := c.GetObjectRetention(ctx, "locked", "k", v)
	e.ok(err)
	if *gotMode != mode || !gotUntil.Equal(until) {
		t.Errorf("the retention is %v until %v", *gotMode, gotUntil)
	}
	if err := c.RemoveObject(ctx, "locked", "k", minio.RemoveObjectOptions{VersionID: v}); minio.ToErrorResponse(err).StatusCode != http.StatusForbidden {
		t.Errorf("deleting a retained version: %v", err)
	}
	e.ok(c.RemoveObject(ctx, "locked", "k", minio.RemoveObjectOptions{})) // a marker is no deletion
	e.ok(c.RemoveObject(ctx, "locked", "k", minio.RemoveObjectOptions{VersionID: "0123456789abcdef"}))
	w := e.put(c, "locked", "held", "x")
	on, off := minio.LegalHoldEnabled, minio.LegalHoldDisabled
	e.ok(c.PutObjectLegalHold(ctx, "locked", "held", minio.PutObjectLegalHoldOptions{Status: &on}))
	if err := c.RemoveObject(ctx, "locked", "held", minio.RemoveObjectOptions{VersionID: w}); err == nil {
		t.Error("a held version was deleted")
	}
	e.ok(c.PutObjectLegalHold(ctx, "locked", "held", minio.PutObjectLegalHoldOptions{Status: &off}))
	e.ok(c.RemoveObject(ctx, "locked", "held", minio.RemoveObjectOptions{VersionID: w}))
	if err := c.SuspendVersioning(ctx, "locked"); err == nil {
		t.Error("versioning of a locked bucket was suspended")
	}
	days, unit := uint(1), minio.Days
	governance := minio.Governance
	e.ok(c.SetBucketObjectLockConfig(ctx, "locked", &governance, &days, &unit))
	e.put(c, "locked", "default", "x")
	if gotMode, _, err := c.GetObjectRetention(ctx, "locked", "default", ""); err != nil || *gotMode != governance {
		t.Errorf("no default retention: %v", err)
	}
	if err := c.SetBucketObjectLockConfig(ctx, "open", &governance, &days, &unit); err == nil {
		t.Error("a lock was put on a bucket made without")
	}
}
