package s3dev_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/s3dev"
	"github.com/minio/minio-go/v7"
)

// deny puts a Deny of the host in front of the policed bucket's policy.
func denyHost(bucket, actions, resource, condition string) string {
	if condition != "" {
		condition = `,"Condition":` + condition
	}
	return strings.Replace(policy(bucket), `"Statement":[`, fmt.Sprintf(`"Statement":[{"Effect":"Deny","Principal":{"AWS":["%s"]},"Action":%s,"Resource":"arn:aws:s3:::%s"%s},`,
		hostUser.ARN(), actions, resource, condition), 1)
}

// TestSealedData: a Deny of GetObject and GetObjectVersion closes every way of
// reading, but for those that a server leaves open.
func TestSealedData(t *testing.T) {
	t.Parallel()
	for _, dialect := range []s3dev.Dialect{s3dev.AWS, s3dev.RGW, s3dev.RGW18, s3dev.RGW20} {
		e := start(t, func(c *s3dev.Config) { c.Dialect = dialect })
		e.bucket("sealed", true)
		host := e.client(hostUser)
		e.ok(host.MakeBucket(t.Context(), "mine", minio.MakeBucketOptions{}))
		e.setPolicy("sealed", denyHost("sealed", `["s3:GetObject","s3:GetObjectVersion"]`, "sealed/data/*", ""))
		v := e.put(host, "sealed", "data/x", "secret")
		e.put(host, "sealed", "index/x", "index")
		version := "versionId=" + v
		upload := func(bucket string) string {
			id, err := host.NewMultipartUpload(t.Context(), bucket, "index/parts", minio.PutObjectOptions{})
			e.ok(err)
			return "partNumber=1&uploadId=" + id
		}
		presigned, err := host.Presign(t.Context(), "GET", "sealed", "data/x", time.Hour, url.Values{})
		e.ok(err)
		signed := func() string {
			resp, body := e.raw(nil, "GET", presigned.Path, presigned.RawQuery, nil)
			return fmt.Sprint(resp.StatusCode, len(body) > 0)[:3]
		}
		for name, got := range map[string]string{
			"GET":                 e.status(hostUser, "GET", "/sealed/data/x", "", ""),
			"HEAD":                e.status(hostUser, "HEAD", "/sealed/data/x", "", ""),
			"range":               e.status(hostUser, "GET", "/sealed/data/x", "", "", "Range", "bytes=0-1"),
			"part":                e.status(hostUser, "GET", "/sealed/data/x", "partNumber=1", ""),
			"version":             e.status(hostUser, "GET", "/sealed/data/x", version, ""),
			"copy":                e.status(hostUser, "PUT", "/sealed/index/y", "", "", "X-Amz-Copy-Source", "sealed/data/x"),
			"copy of a version":   e.status(hostUser, "PUT", "/sealed/index/y", "", "", "X-Amz-Copy-Source", "sealed/data/x?"+version),
			"copy out":            e.status(hostUser, "PUT", "/mine/y", "", "", "X-Amz-Copy-Source", "/sealed/data/x"),
			"copy in place":       e.status(hostUser, "PUT", "/sealed/data/x", "", "", "X-Amz-Copy-Source", "sealed/data/x", "X-Amz-Metadata-Directive", "REPLACE"),
			"escaped copy source": e.status(hostUser, "PUT", "/mine/y", "", "", "X-Amz-Copy-Source", "sealed%2Fdata%2Fx"),
			"select":              e.status(hostUser, "POST", "/sealed/data/x", "select=&select-type=2", "<SelectObjectContentRequest/>"),
			"torrent":             e.status(hostUser, "GET", "/sealed/data/x", "torrent=", ""),
			"presigned":           signed(),
		} {
			if !strings.HasPrefix(got, "403") {
				t.Errorf("%s: %s: %s", dialect, name, got)
			}
		}
		wantPart, wantAttributes := "403", "403"
		if dialect == s3dev.RGW {
			wantPart = "200"
		}
		if dialect == s3dev.RGW20 {
			wantAttributes = "200"
		}
		for name, got := range map[string]string{
			"part copy":               e.status(hostUser, "PUT", "/sealed/index/parts", upload("sealed"), "", "X-Amz-Copy-Source", "sealed/data/x"),
			"part copy of a version":  e.status(hostUser, "PUT", "/sealed/index/parts", upload("sealed"), "", "X-Amz-Copy-Source", "sealed/data/x?"+version),
			"part copy to one's own":  e.status(hostUser, "PUT", "/mine/index/parts", upload("mine"), "", "X-Amz-Copy-Source", "sealed/data/x"),
			"part copy by a stranger": e.status(otherUser, "PUT", "/mine/index/parts", upload("mine"), "", "X-Amz-Copy-Source", "sealed/data/x"),
		} {
			want := wantPart
			if strings.HasSuffix(name, "stranger") {
				want = "403"
			}
			if !strings.HasPrefix(got, want) {
				t.Errorf("%s: %s: %s, want %s", dialect, name, got, want)
			}
		}
		attributes := e.status(hostUser, "GET", "/sealed/data/x", "attributes=", "", "X-Amz-Object-Attributes", "ETag")
		if !strings.HasPrefix(attributes, wantAttributes) {
			t.Errorf("%s: attributes: %s, want %s", dialect, attributes, wantAttributes)
		}
		// Written with full control for the owner, the object is closed to its
		// writer on every server.
		if dialect != s3dev.AWS {
			if got := e.status(hostUser, "PUT", "/sealed/data/closed", "", "x", "X-Amz-Grant-Full-Control", `id="`+adminUser.OwnerID()+`"`); got != "200" {
				t.Errorf("%s: %s", dialect, got)
			}
			if got := e.status(hostUser, "PUT", "/sealed/index/parts", upload("sealed"), "", "X-Amz-Copy-Source", "sealed/data/closed"); !strings.HasPrefix(got, "403") {
				t.Errorf("%s: part copy of a closed object: %s", dialect, got)
			}
		}
		if text, err := e.get(host, "sealed", "index/x", ""); text != "index" || err != nil {
			t.Errorf("%s: the index: %q, %v", dialect, text, err)
		}
		if text, err := e.get(e.client(adminUser), "sealed", "data/x", v); text != "secret" || err != nil {
			t.Errorf("%s: the admin: %q, %v", dialect, text, err)
		}
	}
}

// TestOmittedAllow: where ACLs count, sealing by leaving out the Allow leaves
// the writer in.
func TestOmittedAllow(t *testing.T) {
	t.Parallel()
	for dialect, want := range map[s3dev.Dialect]string{s3dev.AWS: "403", s3dev.RGW: "200", s3dev.RGW20: "200"} {
		e := start(t, func(c *s3dev.Config) { c.Dialect = dialect })
		e.bucket("omitted", true)
		e.setPolicy("omitted", strings.Replace(policy("omitted"), `"s3:GetObject",`, "", 1))
		v := e.put(e.client(hostUser), "omitted", "k", "x")
		for _, query := range []string{"", "versionId=" + v} {
			if got := e.status(hostUser, "GET", "/omitted/k", query, ""); !strings.HasPrefix(got, want) {
				t.Errorf("%s: %q: %s", dialect, query, got)
			}
		}
	}
}

// TestGrantsAtUpload: a grantee reads current and old versions on RGW.
func TestGrantsAtUpload(t *testing.T) {
	t.Parallel()
	for dialect, want := range map[s3dev.Dialect]string{s3dev.AWS: "403", s3dev.RGW: "200"} {
		e := start(t, func(c *s3dev.Config) { c.Dialect = dialect })
		e.bucket("grants", true)
		e.police("grants")
		var versions []string
		for range 2 {
			resp, body := e.raw(&hostUser, "PUT", "/grants/k", "", []byte("x"), "X-Amz-Grant-Read", `id="`+otherUser.OwnerID()+`"`)
			if resp.StatusCode != 200 {
				t.Fatalf("%s: %d %s", dialect, resp.StatusCode, body)
			}
			versions = append(versions, "versionId="+resp.Header.Get("X-Amz-Version-Id"))
		}
		for _, query := range append(versions, "") {
			if got := e.status(otherUser, "GET", "/grants/k", query, ""); !strings.HasPrefix(got, want) {
				t.Errorf("%s: grantee, %q: %s", dialect, query, got)
			}
		}
		e.put(e.client(hostUser), "grants", "private", "x")
		if got := e.status(otherUser, "GET", "/grants/private", "", ""); got != "403 AccessDenied" {
			t.Errorf("%s: without a grant: %s", dialect, got)
		}
	}
}

// TestTimeCondition unseals for a while, by the server's clock.
func TestTimeCondition(t *testing.T) {
	t.Parallel()
	e := startAt(t, s3dev.AWS)
	c := e.bucket("timed", true)
	e.put(c, "timed", "data/x", "x")
	until := lockStart.Add(4 * time.Hour).Format(time.RFC3339)
	e.setPolicy("timed", denyHost("timed", `["s3:GetObject","s3:GetObjectVersion"]`, "timed/data/*", `{"DateGreaterThan":{"aws:CurrentTime":"`+until+`"}}`))
	for _, step := range []struct {
		move time.Duration
		want string
	}{{0, "200"}, {4 * time.Hour, "200"}, {time.Second, "403 AccessDenied"}, {-2 * time.Second, "200"}} {
		e.Clock().Advance(step.move)
		if got := e.status(hostUser, "GET", "/timed/data/x", "", ""); got != step.want {
			t.Errorf("after %v: %s, want %s", step.move, got, step.want)
		}
	}
	e.setPolicy("timed", denyHost("timed", `"s3:GetObject"`, "timed/data/*", `{"DateLessThan":{"aws:CurrentTime":"`+until+`"}}`))
	if got := e.status(hostUser, "GET", "/timed/data/x", "", ""); got != "403 AccessDenied" {
		t.Errorf("before: %s", got)
	}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	e := startAt(t, s3dev.AWS)
	c := e.client(adminUser)
	e.ok(c.MakeBucket(t.Context(), "cond", minio.MakeBucketOptions{ObjectLocking: true}))
	e.put(c, "cond", "k", "x")
	days := func(n int) []string {
		return []string{"X-Amz-Object-Lock-Mode", "GOVERNANCE", "X-Amz-Object-Lock-Retain-Until-Date", lockStart.Add(time.Duration(n) * day).Format(time.RFC3339)}
	}
	for _, tt := range []struct {
		name, actions, condition, path string
		header                         []string
		want                           string
	}{
		{"like", `"s3:PutObject"`, `{"StringLike":{"s3:x-amz-copy-source":"*"}}`, "/cond/c", []string{"X-Amz-Copy-Source", "/cond/k"}, "403 AccessDenied"},
		{"like, another", `"s3:PutObject"`, `{"StringLike":{"s3:x-amz-copy-source":"other/*"}}`, "/cond/c", []string{"X-Amz-Copy-Source", "cond/k"}, "200"},
		{"like, no copy", `"s3:PutObject"`, `{"StringLike":{"s3:x-amz-copy-source":"*"}}`, "/cond/c", nil, "200"},
		{"equals", `"s3:PutObject"`, `{"StringEquals":{"s3:x-amz-copy-source":["a/b","cond/k"]}}`, "/cond/c", []string{"X-Amz-Copy-Source", "cond/k"}, "403 AccessDenied"},
		{"not equals", `"s3:PutObject"`, `{"StringNotEquals":{"s3:x-amz-copy-source":["a/b","cond/k"]}}`, "/cond/c", []string{"X-Amz-Copy-Source", "cond/k"}, "200"},
		{"null", `"s3:PutObject"`, `{"Null":{"s3:x-amz-copy-source":"false"}}`, "/cond/c", []string{"X-Amz-Copy-Source", "cond/k"}, "403 AccessDenied"},
		{"grant", `"s3:PutObject"`, `{"Null":{"s3:x-amz-grant-read":"false"}}`, "/cond/c", []string{"X-Amz-Grant-Read", `id="` + otherUser.OwnerID() + `"`}, "403 AccessDenied"},
		{"class", `"s3:PutObject"`, `{"StringEquals":{"s3:x-amz-storage-class":"GLACIER"}}`, "/cond/c", []string{"X-Amz-Storage-Class", "GLACIER"}, "403 AccessDenied"},
		{"too long a lock", `"s3:PutObjectRetention"`, `{"NumericGreaterThan":{"s3:object-lock-remaining-retention-days":"10"}}`, "/cond/c", days(11), "403 AccessDenied"},
		{"short enough a lock", `"s3:PutObjectRetention"`, `{"NumericGreaterThan":{"s3:object-lock-remaining-retention-days":"10"}}`, "/cond/c", days(10), "200"},
		{"both of two", `"s3:PutObject"`, `{"StringLike":{"s3:x-amz-copy-source":"*"},"DateLessThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}}`, "/cond/c", []string{"X-Amz-Copy-Source", "cond/k"}, "200"},
	} {
		text := denyHost("cond", tt.actions, "cond/*", tt.condition)
		e.setPolicy("cond", strings.Replace(text, `"s3:ListBucket"`, `"s3:ListBucket","s3:PutObjectRetention"`, 1))
		if got := e.status(hostUser, "PUT", tt.path, "", "", tt.header...); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	for name, condition := range map[string]string{
		"operator": `{"StringAlmost":{"aws:CurrentTime":"x"}}`, "key": `{"StringLike":{"s3:weather":"x"}}`, "date": `{"DateLessThan":{"aws:CurrentTime":"soon"}}`,
	} {
		if err := c.SetBucketPolicy(t.Context(), "cond", denyHost("cond", `"s3:PutObject"`, "cond/*", condition)); code(err) != "MalformedPolicy" {
			t.Errorf("bad %s: %v", name, err)
		}
	}
}

// TestLockConditionsByDialect: RGW takes conditions on locks and ignores them,
// versitygw refuses them.
func TestLockConditionsByDialect(t *testing.T) {
	t.Parallel()
	for dialect, want := range map[s3dev.Dialect]string{s3dev.AWS: "403 AccessDenied", s3dev.RGW18: "200", s3dev.VersityGW: "malformed"} {
		e := startAt(t, dialect)
		c := e.client(adminUser)
		e.ok(c.MakeBucket(t.Context(), "locks", minio.MakeBucketOptions{ObjectLocking: true}))
		text := strings.NewReplacer(`"*"`, `"s3:*"`, adminUser.ARN(), e.Principal(adminUser), hostUser.ARN(), e.Principal(hostUser)).Replace(
			strings.Replace(denyHost("locks", `"s3:PutObjectRetention"`, "locks/*", `{"NumericGreaterThan":{"s3:object-lock-remaining-retention-days":"10"}}`),
				`"s3:ListBucket"`, `"s3:ListBucket","s3:PutObjectRetention"`, 1))
		got := "malformed"
		if err := c.SetBucketPolicy(t.Context(), "locks", text); err == nil {
			v := e.put(c, "locks", "k", "x")
			got = e.retain(hostUser, "/locks/k", v, "COMPLIANCE", lockStart.Add(3000*day))
		}
		if got != want {
			t.Errorf("%s: %s, want %s", dialect, got, want)
		}
	}
}

// TestPrincipals: how each server wants users to be named.
func TestPrincipals(t *testing.T) {
	t.Parallel()
	for dialect, wants := range map[s3dev.Dialect][3]bool{ // ARN with star, ARN without, own form without
		s3dev.AWS: {true, true, true}, s3dev.RGW: {true, true, true}, s3dev.SeaweedFS: {false, false, true}, s3dev.VersityGW: {false, false, true},
	} {
		e := start(t, func(c *s3dev.Config) { c.Dialect = dialect })
		c := e.bucket("named", true)
		plain := strings.ReplaceAll(policy("named"), `"*"`, `"s3:*"`)
		own := strings.NewReplacer(adminUser.ARN(), e.Principal(adminUser), hostUser.ARN(), e.Principal(hostUser)).Replace(plain)
		for i, text := range []string{policy("named"), plain, own} {
			if err := c.SetBucketPolicy(t.Context(), "named", text); (err == nil) != wants[i] {
				t.Errorf("%s: policy %d: %v", dialect, i, err)
			}
		}
		if got := e.status(hostUser, "PUT", "/named/k", "", "x"); got != "200" {
			t.Errorf("%s: %s", dialect, got)
		}
		if got := e.status(otherUser, "PUT", "/named/k", "", "x"); got != "403 AccessDenied" {
			t.Errorf("%s: %s", dialect, got)
		}
	}
}

// TestCephAccount: the account owns what its users make, and policies name
// each of them.
func TestCephAccount(t *testing.T) {
	t.Parallel()
	const account = "RGW12345678901234567"
	admin := s3dev.User{Name: "admin", Account: account, AccessKey: "a", SecretKey: "a-secret"}
	host := s3dev.User{Name: "host", Account: account, AccessKey: "h", SecretKey: "h-secret"}
	s, err := s3dev.Start(context.Background(), s3dev.Config{Users: []s3dev.User{admin, host}, Traits: accountTraits(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	e := &world{s, t}
	c := e.client(admin)
	e.ok(c.MakeBucket(t.Context(), "acc", minio.MakeBucketOptions{}))
	text := strings.NewReplacer(adminUser.ARN(), admin.ARN(), hostUser.ARN(), host.ARN()).Replace(policy("acc"))
	e.setPolicyOf(c, "acc", text)
	if _, body := e.raw(&admin, "GET", "/acc", "acl=", nil); !strings.Contains(string(body), "<ID>"+account+"</ID>") {
		t.Errorf("the owner: %s", body)
	}
	if got := e.status(host, "PUT", "/acc/k", "", "x"); got != "200" {
		t.Errorf("PUT: %s", got)
	}
	if got := e.status(host, "PUT", "/acc", "policy=", text); got != "403 AccessDenied" {
		t.Errorf("PUT policy: %s", got)
	}
}

func accountTraits(t *testing.T) *s3dev.Traits {
	t.Helper()
	traits, err := s3dev.AWS.Traits()
	if err != nil {
		t.Fatal(err)
	}
	return &traits
}

func (e *world) setPolicyOf(c *minio.Core, name, text string) {
	e.t.Helper()
	e.ok(c.SetBucketPolicy(e.t.Context(), name, text))
}

// TestTaggingRights: tagging in place is a right of its own; on RGW the writer
// of an object has it by the object's ACL.
func TestTaggingRights(t *testing.T) {
	t.Parallel()
	body := "<Tagging><TagSet><Tag><Key>doomed</Key><Value>yes</Value></Tag></TagSet></Tagging>"
	for dialect, want := range map[s3dev.Dialect]string{s3dev.AWS: "403 AccessDenied", s3dev.RGW: "200"} {
		e := start(t, func(c *s3dev.Config) { c.Dialect = dialect })
		e.bucket("tags", true)
		e.police("tags")
		e.put(e.client(hostUser), "tags", "k", "x")
		tag := func() string {
			return e.status(hostUser, "PUT", "/tags/k", "tagging=", body, "Content-MD5", md5Base64([]byte(body)))
		}
		if got := tag(); got != want {
			t.Errorf("%s: %s, want %s", dialect, got, want)
		}
		e.setPolicy("tags", denyHost("tags", `"s3:PutObjectTagging"`, "tags/*", ""))
		if got := tag(); got != "403 AccessDenied" {
			t.Errorf("%s denied: %s", dialect, got)
		}
		if got := e.status(hostUser, "PUT", "/tags/k", "", "x", "X-Amz-Tagging", "a=b"); got != "403 AccessDenied" {
			t.Errorf("%s denied, by header: %s", dialect, got)
		}
		if got := e.versions("tags", nil); got != "k " {
			t.Errorf("%s: tagging made a version: %s", dialect, got)
		}
	}
}
