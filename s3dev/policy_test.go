package s3dev_test

import (
	"strings"
	"testing"

	"github.com/cesnet/rwm/s3dev"
)

// TestPolicedBucket goes through everything a host may and may not do.
func TestPolicedBucket(t *testing.T) {
	e := start(t)
	e.bucket("policed", true)
	e.police("policed")
	admin, host := e.client(adminUser), e.client(hostUser)
	if text, err := host.GetBucketPolicy(t.Context(), "policed"); err != nil || text != policy("policed") {
		t.Fatalf("the policy came back as %q, %v", text, err)
	}

	const lifecycle = `<LifecycleConfiguration><Rule><ID>x</ID><Status>Enabled</Status><Filter><Prefix></Prefix></Filter><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule></LifecycleConfiguration>`
	const suspend = `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Suspended</Status></VersioningConfiguration>`
	const block = `<PublicAccessBlockConfiguration><IgnorePublicAcls>false</IgnorePublicAcls></PublicAccessBlockConfiguration>`
	tests := []struct {
		name                string
		method, path, query string
		body                string
		header              []string
		host, other, admin  int
	}{
		{name: "list", method: "GET", path: "/policed", query: "list-type=2", host: 200, other: 403, admin: 200},
		{name: "list versions", method: "GET", path: "/policed", query: "versions=", host: 200, other: 403, admin: 200},
		{name: "head bucket", method: "HEAD", path: "/policed", host: 200, other: 403, admin: 200},
		{name: "get acl", method: "GET", path: "/policed", query: "acl=", host: 200, other: 403, admin: 200},
		{name: "get policy", method: "GET", path: "/policed", query: "policy=", host: 200, other: 403, admin: 200},
		{name: "get versioning", method: "GET", path: "/policed", query: "versioning=", host: 200, other: 403, admin: 200},
		{name: "put", method: "PUT", path: "/policed/new", body: "x", host: 200, other: 403, admin: 200},
		{name: "get", method: "GET", path: "/policed/k", host: 200, other: 403, admin: 200},
		{name: "copy", method: "PUT", path: "/policed/copy", header: []string{"X-Amz-Copy-Source", "policed/k"}, host: 200, other: 403, admin: 200},
		{name: "get version", method: "GET", path: "/policed/k", query: "versionId=VERSION", host: 403, other: 403, admin: 200},
		{name: "delete version", method: "DELETE", path: "/policed/k", query: "versionId=VERSION", host: 403, other: 403},
		{name: "put policy", method: "PUT", path: "/policed", query: "policy=", body: policy("policed"), host: 403, other: 403},
		{name: "delete policy", method: "DELETE", path: "/policed", query: "policy=", host: 403, other: 403},
		{name: "put acl", method: "PUT", path: "/policed", query: "acl=", header: []string{"X-Amz-Acl", "public-read"}, host: 403, other: 403},
		{name: "put object acl", method: "PUT", path: "/policed/k", query: "acl=", header: []string{"X-Amz-Acl", "public-read"}, host: 403, other: 403},
		{name: "put lifecycle", method: "PUT", path: "/policed", query: "lifecycle=", body: lifecycle, host: 403, other: 403, admin: 200},
		{name: "get lifecycle", method: "GET", path: "/policed", query: "lifecycle=", host: 403, other: 403, admin: 200},
		{name: "delete lifecycle", method: "DELETE", path: "/policed", query: "lifecycle=", host: 403, other: 403, admin: 204},
		{name: "put public access block", method: "PUT", path: "/policed", query: "publicAccessBlock=", body: block, host: 403, other: 403, admin: 200},
		{name: "get public access block", method: "GET", path: "/policed", query: "publicAccessBlock=", host: 403, other: 403, admin: 200},
		{name: "delete public access block", method: "DELETE", path: "/policed", query: "publicAccessBlock=", host: 403, other: 403, admin: 204},
		{name: "suspend versioning", method: "PUT", path: "/policed", query: "versioning=", body: suspend, host: 403, other: 403, admin: 200},
		{name: "delete", method: "DELETE", path: "/policed/new", host: 204, other: 403, admin: 204},
		{name: "delete bucket", method: "DELETE", path: "/policed", host: 403, other: 403, admin: 409},
	}
	version := e.put(host, "policed", "k", "text")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			query := strings.ReplaceAll(tt.query, "VERSION", version)
			for _, who := range []struct {
				user *s3dev.User
				want int
			}{{nil, 403}, {&otherUser, tt.other}, {&hostUser, tt.host}, {&adminUser, tt.admin}} {
				if who.want == 0 {
					continue
				}
				resp, body := e.raw(who.user, tt.method, tt.path, query, []byte(tt.body), tt.header...)
				if resp.StatusCode != who.want {
					t.Errorf("%v: status %d, want %d: %s", who.user, resp.StatusCode, who.want, body)
				}
			}
		})
	}
	if text, err := e.get(admin, "policed", "k", version); err != nil || text != "text" {
		t.Errorf("the version is gone: %q, %v", text, err)
	}
}

func TestExplicitDenyWins(t *testing.T) {
	e := start(t)
	e.bucket("deny", true)
	text := strings.Replace(policy("deny"), `"Statement":[`, `"Statement":[{"Effect":"Deny","Principal":{"AWS":["`+
		hostUser.ARN()+`"]},"Action":["s3:PutObject"],"Resource":["arn:aws:s3:::deny/data/*"]},`, 1)
	e.ok(e.client(adminUser).SetBucketPolicy(t.Context(), "deny", text))
	for path, want := range map[string]int{"/deny/data/x": 403, "/deny/other": 200, "/deny/data/../x": 403} {
		if resp, body := e.raw(&hostUser, "PUT", path, "", []byte("x")); resp.StatusCode != want {
			t.Errorf("%s: status %d, want %d: %s", path, resp.StatusCode, want, body)
		}
	}
}

func TestBadPolicies(t *testing.T) {
	e := start(t)
	e.bucket("bad", true)
	admin := e.client(adminUser)
	for name, text := range map[string]string{
		"no json":           `{`,
		"unknown principal": strings.ReplaceAll(policy("bad"), "user/host", "user/nobody"),
		"foreign resource":  strings.ReplaceAll(policy("bad"), "arn:aws:s3:::bad", "arn:aws:s3:::good"),
		"unknown action":    strings.ReplaceAll(policy("bad"), "s3:PutObject", "s3:Fly"),
	} {
		if err := admin.SetBucketPolicy(t.Context(), "bad", text); code(err) != "MalformedPolicy" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if text, err := admin.GetBucketPolicy(t.Context(), "bad"); code(err) != "NoSuchBucketPolicy" {
		t.Errorf("a refused policy stayed: %q, %v", text, err)
	}
}
