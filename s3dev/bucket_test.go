package s3dev_test

import (
	"strings"
	"testing"

	"github.com/cesnet/rwm/s3dev"
	"github.com/minio/minio-go/v7"
)

func TestBuckets(t *testing.T) {
	e := start(t)
	ctx := t.Context()
	admin, host := e.bucket("one", false), e.client(hostUser)
	if err := admin.MakeBucket(ctx, "one", minio.MakeBucketOptions{}); code(err) != "BucketAlreadyOwnedByYou" {
		t.Errorf("making one's own bucket again: %v", err)
	}
	if err := host.MakeBucket(ctx, "one", minio.MakeBucketOptions{}); code(err) != "BucketAlreadyExists" {
		t.Errorf("making another user's bucket: %v", err)
	}
	e.ok(host.MakeBucket(ctx, "two", minio.MakeBucketOptions{}))
	for _, c := range []struct {
		client *minio.Core
		want   string
	}{{admin, "one"}, {host, "two"}} {
		list, err := c.client.ListBuckets(ctx)
		e.ok(err)
		if len(list) != 1 || list[0].Name != c.want {
			t.Errorf("buckets are %v, want only %s", list, c.want)
		}
	}
	e.put(admin, "one", "k", "x")
	if err := admin.RemoveBucket(ctx, "one"); code(err) != "BucketNotEmpty" {
		t.Errorf("removing a bucket with an object: %v", err)
	}
	e.ok(admin.RemoveObject(ctx, "one", "k", minio.RemoveObjectOptions{}))
	e.ok(admin.RemoveBucket(ctx, "one"))
	if ok, err := admin.BucketExists(ctx, "one"); ok || err != nil {
		t.Errorf("the bucket is still there: %v, %v", ok, err)
	}
	if _, err := admin.Client.PutObject(ctx, "none", "k", strings.NewReader(""), 0, minio.PutObjectOptions{}); code(err) != "NoSuchBucket" {
		t.Errorf("writing to no bucket: %v", err)
	}
}

func TestBucketACL(t *testing.T) {
	e := start(t)
	e.bucket("acl", true)
	resp, body := e.raw(&adminUser, "GET", "/acl", "acl=", nil)
	want := `<Owner><ID>acme$admin</ID><DisplayName>admin</DisplayName></Owner><AccessControlList><Grant>` +
		`<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>acme$admin</ID><DisplayName>admin</DisplayName></Grantee>` +
		`<Permission>FULL_CONTROL</Permission></Grant></AccessControlList>`
	if resp.StatusCode != 200 || !strings.Contains(string(body), want) {
		t.Errorf("the ACL is %d %s", resp.StatusCode, body)
	}
	if resp, body := e.raw(&adminUser, "PUT", "/acl", "acl=", nil, "X-Amz-Acl", "public-read"); resp.StatusCode != 200 {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	if _, body := e.raw(&adminUser, "GET", "/acl", "acl=", nil); !strings.Contains(string(body), "<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI>") {
		t.Errorf("the ACL does not name everybody: %s", body)
	}
	if resp, _ := e.raw(nil, "GET", "/acl", "", nil); resp.StatusCode != 200 {
		t.Errorf("a public bucket answers %d", resp.StatusCode)
	}
}

// TestIgnorePublicAcls closes the hole that public ACLs are, on the bucket
// and on the objects a host writes.
func TestIgnorePublicAcls(t *testing.T) {
	e := start(t)
	e.bucket("leak", true)
	e.police("leak")
	if resp, body := e.raw(&hostUser, "PUT", "/leak/k", "", []byte("secret"), "X-Amz-Acl", "public-read"); resp.StatusCode != 200 {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	if resp, body := e.raw(&adminUser, "PUT", "/leak", "acl=", nil, "X-Amz-Acl", "public-read"); resp.StatusCode != 200 {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	anonymous := func(want int) {
		t.Helper()
		for _, path := range []string{"/leak/k", "/leak"} {
			if resp, _ := e.raw(nil, "GET", path, "", nil); resp.StatusCode != want {
				t.Errorf("anonymous GET %s: %d, want %d", path, resp.StatusCode, want)
			}
		}
	}
	anonymous(200)
	block := `<PublicAccessBlockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IgnorePublicAcls>true</IgnorePublicAcls></PublicAccessBlockConfiguration>`
	if resp, body := e.raw(&adminUser, "PUT", "/leak", "publicAccessBlock=", []byte(block)); resp.StatusCode != 200 {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	if _, body := e.raw(&adminUser, "GET", "/leak", "publicAccessBlock=", nil); string(body) != block {
		t.Errorf("the configuration came back as %s", body)
	}
	anonymous(403)
	if resp, _ := e.raw(&hostUser, "PUT", "/leak/k2", "", []byte("x"), "X-Amz-Acl", "public-read"); resp.StatusCode != 200 {
		t.Errorf("the host cannot write any more: %d", resp.StatusCode)
	}
	if resp, _ := e.raw(&adminUser, "DELETE", "/leak", "publicAccessBlock=", nil); resp.StatusCode != 204 {
		t.Errorf("deleting the block: %d", resp.StatusCode)
	}
	anonymous(200)
}

func TestLifecycleIsKept(t *testing.T) {
	e := start(t)
	e.bucket("rules", true)
	if resp, body := e.raw(&adminUser, "GET", "/rules", "lifecycle=", nil); resp.StatusCode != 404 || !strings.Contains(string(body), "NoSuchLifecycleConfiguration") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	rules := `<LifecycleConfiguration><Rule><ID>a</ID><Status>Enabled</Status><Filter/><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>`
	for _, step := range []struct {
		method, body, want string
		status             int
	}{{"PUT", rules, "", 200}, {"GET", "", rules, 200}, {"PUT", "<", "", 400},
		{"PUT", `<LifecycleConfiguration><Rule><ID>a</ID></Rule></LifecycleConfiguration>`, "", 400}, {"GET", "", rules, 200}, {"DELETE", "", "", 204}, {"GET", "", "", 404}} {
		resp, body := e.raw(&adminUser, step.method, "/rules", "lifecycle=", []byte(step.body))
		if resp.StatusCode != step.status || step.want != "" && string(body) != step.want {
			t.Errorf("%s: %d %s", step.method, resp.StatusCode, body)
		}
	}
	if resp, _ := e.raw(&hostUser, "PUT", "/rules", "lifecycle=", []byte(rules)); resp.StatusCode != 403 {
		t.Errorf("a stranger sets lifecycle rules: %d", resp.StatusCode)
	}
}

func TestDialectRGW(t *testing.T) {
	e := start(t, func(c *s3dev.Config) { c.Dialect = s3dev.RGW })
	admin := e.bucket("ceph", true)
	e.ok(admin.MakeBucket(t.Context(), "ceph", minio.MakeBucketOptions{}))
	e.put(admin, "ceph", "a b", "1")
	e.put(admin, "ceph", "a c", "1")
	_, body := e.raw(&adminUser, "GET", "/ceph", "encoding-type=url&max-keys=1&prefix=a%20&versions=", nil)
	for _, want := range []string{"<Tenant>acme</Tenant>", "<Prefix>a </Prefix>", "<NextKeyMarker>a b</NextKeyMarker>", "<Key>a%20b</Key>"} {
		if !strings.Contains(string(body), want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	resp, body := e.raw(&adminUser, "PUT", "/ceph/a%20b", "", []byte("x"), "If-None-Match", "*")
	if resp.StatusCode != 200 {
		t.Errorf("If-None-Match: %d %s", resp.StatusCode, body)
	}
	if id := resp.Header.Get("X-Amz-Request-Id"); !strings.HasPrefix(id, "tx") || !strings.HasSuffix(id, "-default") {
		t.Errorf("request id %q", id)
	}
}
