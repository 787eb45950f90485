package s3dev_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
)

// history renders the version listing of a bucket, newest first.
func (e *world) history(c *minio.Core, bucket string) string {
	e.t.Helper()
	var out []string
	for o := range c.Client.ListObjects(e.t.Context(), bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		e.ok(o.Err)
		s := o.Key
		if o.VersionID == "null" {
			s += " null"
		}
		if o.IsDeleteMarker {
			s += " marker"
		} else {
			s += fmt.Sprint(" ", o.Size)
		}
		if o.IsLatest {
			s += " latest"
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

func TestVersioningStates(t *testing.T) {
	e := start(t)
	ctx := t.Context()
	c := e.bucket("states", false)
	is := func(step, want string) {
		t.Helper()
		if got := e.history(c, "states"); got != want {
			t.Errorf("%s: %q, want %q", step, got, want)
		}
	}
	remove := func(version string) {
		t.Helper()
		e.ok(c.RemoveObject(ctx, "states", "k", minio.RemoveObjectOptions{VersionID: version}))
	}
	if id := e.put(c, "states", "k", "1"); id != "" {
		t.Errorf("an unversioned bucket gives the version id %q", id)
	}
	e.put(c, "states", "k", "22")
	is("unversioned", "k null 2 latest")
	e.ok(c.EnableVersioning(ctx, "states"))
	v3 := e.put(c, "states", "k", "333")
	is("enabled", "k 3 latest; k null 2")
	remove("")
	is("deleted", "k marker latest; k 3; k null 2")
	if _, err := e.get(c, "states", "k", ""); code(err) != "NoSuchKey" {
		t.Errorf("reading a deleted key: %v", err)
	}
	if text, err := e.get(c, "states", "k", v3); text != "333" || err != nil {
		t.Errorf("reading a version: %q, %v", text, err)
	}
	if text, err := e.get(c, "states", "k", "null"); text != "22" || err != nil {
		t.Errorf("reading the null version: %q, %v", text, err)
	}
	e.ok(c.SuspendVersioning(ctx, "states"))
	e.put(c, "states", "k", "4444")
	is("suspended", "k null 4 latest; k marker; k 3")
	remove("")
	is("deleted while suspended", "k null marker latest; k marker; k 3")
	remove("null")
	is("null version deleted", "k marker latest; k 3")
	e.put(c, "states", "k", "55555")
	e.ok(c.EnableVersioning(ctx, "states"))
	remove(v3)
	is("version deleted", "k null 5 latest; k marker")
	remove("0123456789abcdef")
	remove("not-an-id")
	is("no such version deleted", "k null 5 latest; k marker")
	if _, err := e.get(c, "states", "k", v3); code(err) != "NoSuchVersion" {
		t.Errorf("reading a deleted version: %v", err)
	}
}

func TestDeleteMarkerAnswers(t *testing.T) {
	e := start(t)
	c := e.bucket("marked", true)
	e.put(c, "marked", "k", "x")
	resp, _ := e.raw(&adminUser, "DELETE", "/marked/k", "", nil)
	marker := resp.Header.Get("X-Amz-Version-Id")
	if resp.StatusCode != 204 || resp.Header.Get("X-Amz-Delete-Marker") != "true" || marker == "" {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	if resp, body := e.raw(&adminUser, "GET", "/marked/k", "", nil); resp.StatusCode != 404 || resp.Header.Get("X-Amz-Delete-Marker") != "true" {
		t.Errorf("%d %v %s", resp.StatusCode, resp.Header, body)
	}
	if resp, _ := e.raw(&adminUser, "GET", "/marked/k", "versionId="+marker, nil); resp.StatusCode != 405 {
		t.Errorf("reading a marker: %d", resp.StatusCode)
	}
	if resp, _ := e.raw(&adminUser, "DELETE", "/marked/k", "versionId="+marker, nil); resp.Header.Get("X-Amz-Delete-Marker") != "true" {
		t.Errorf("deleting a marker: %v", resp.Header)
	}
	if text, err := e.get(c, "marked", "k", ""); text != "x" || err != nil {
		t.Errorf("without the marker: %q, %v", text, err)
	}
}

func TestBatchDelete(t *testing.T) {
	e := start(t)
	c := e.bucket("batch", true)
	e.police("batch")
	v := e.put(c, "batch", "a", "x")
	e.put(c, "batch", "b", "x")
	body := []byte(`<Delete><Object><Key>a</Key><VersionId>` + v + `</VersionId></Object><Object><Key>b</Key></Object></Delete>`)
	resp, answer := e.raw(&hostUser, "POST", "/batch", "delete=", body, "Content-MD5", md5Base64(body))
	if resp.StatusCode != 200 || strings.Count(string(answer), "<Error>") != 1 || !strings.Contains(string(answer), "AccessDenied") ||
		!strings.Contains(string(answer), "<DeleteMarker>true</DeleteMarker>") {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	if got := e.history(c, "batch"); got != "a 1 latest; b marker latest; b 1" {
		t.Errorf("after the batch: %q", got)
	}
	quiet := []byte(`<Delete><Quiet>true</Quiet><Object><Key>a</Key></Object></Delete>`)
	if _, answer := e.raw(&hostUser, "POST", "/batch", "delete=", quiet, "Content-MD5", md5Base64(quiet)); strings.Contains(string(answer), "Deleted") {
		t.Errorf("a quiet batch answers %s", answer)
	}
}

func TestClock(t *testing.T) {
	e := start(t)
	c := e.bucket("clock", true)
	at := time.Date(2030, 1, 2, 3, 4, 5, 678e6, time.UTC)
	e.Clock().Freeze(at)
	e.put(c, "clock", "k", "x")
	_, body := e.raw(&adminUser, "GET", "/clock", "versions=", nil)
	if !strings.Contains(string(body), "<LastModified>2030-01-02T03:04:05.678Z</LastModified>") {
		t.Errorf("the listing has another time: %s", body)
	}
	e.Clock().Advance(time.Hour)
	info, err := c.Client.CopyObject(t.Context(), minio.CopyDestOptions{Bucket: "clock", Object: "c"}, minio.CopySrcOptions{Bucket: "clock", Object: "k"})
	e.ok(err)
	_ = info
	stat, err := c.Client.StatObject(t.Context(), "clock", "c", minio.StatObjectOptions{})
	e.ok(err)
	if want := at.Add(time.Hour).Truncate(time.Second); !stat.LastModified.Equal(want) {
		t.Errorf("the copy is of %v, want %v", stat.LastModified, want)
	}
	e.Clock().Set(time.Now())
	if d := time.Since(e.Clock().Now()); d < -time.Minute || d > time.Minute {
		t.Errorf("the clock is off by %v", d)
	}
}
