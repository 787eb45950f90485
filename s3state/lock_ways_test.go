package s3state

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/s3test"
)

// oddDialects are those that take the policy of storage-create: all of them for a
// release and on a real server, one everyday.
func oddDialects(everyday string) []string {
	if harness.All() || external() {
		return []string{"aws", "rgw", "rgw18", "rgw20", "seaweedfs"}
	}
	return []string{everyday}
}

// The ways around a lock that storage-access does not try: with the keys of the host,
// the keeper and the admin, whatever they do, a version that is locked in COMPLIANCE
// stays, with its bytes, until the time that it was locked to. The dates beyond 2106,
// with which Ceph 16 ends a lock, have tests of their own.
func TestOddWaysAroundALock(t *testing.T) {
	t.Parallel()
	for _, dialect := range oddDialects("aws") {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			w, keeper, _ := newLocked(t, LockOptions{Days: 1}, s3test.Dialect(dialect))
			l := &lockWays{world: w, t: t, key: "data/00/00locked", keeper: keeper}
			l.version = w.put(l.key, secret)
			w.put(l.key, "written later")
			l.hidden = w.put("data/00/00hidden", secret)
			w.del("data/00/00hidden")
			var err error
			if l.was, err = getRetention(w.ctx, w.admin.s3, w.bucket, l.key, l.version); err != nil || l.was.mode != Compliance {
				t.Fatalf("%+v, %v", l.was, err)
			}
			for _, id := range []s3test.Identity{w.srv.Host, w.srv.Host2, w.srv.Admin} {
				l.id = id
				l.objects()
				l.look(rawRequest{method: "the refused ones"}, reply{})
				l.bucketSettings()
				l.look(rawRequest{method: "the refused ones"}, reply{})
			}
			l.ceph()
			l.look(rawRequest{method: "the refused ones"}, reply{})
			t.Logf("%d ways", l.tried)
		})
	}
}

type lockWays struct {
	*world
	t               *testing.T
	id              s3test.Identity
	keeper          *Store
	key             string
	version, hidden string
	was             retention
	tried           int
}

// try sends a request and, if it succeeds, looks whether the versions are as they were.
func (l *lockWays) try(r rawRequest) reply {
	l.t.Helper()
	l.tried++
	a := raw(l.t, l.srv, l.id, r)
	if a.ok() {
		l.look(r, a)
	}
	return a
}

func (l *lockWays) look(r rawRequest, a reply) {
	l.t.Helper()
	for key, version := range map[string]string{l.key: l.version, "data/00/00hidden": l.hidden} {
		got := raw(l.t, l.srv, l.srv.Admin, rawRequest{method: "GET", path: "/" + l.bucket + "/" + key, query: "versionId=" + url.QueryEscape(version)})
		if got.body != secret {
			l.t.Fatalf("after %s %s?%s %v by %s (%d): the locked version of %s reads %d %q", r.method, r.path, r.query, r.header, l.id.Name, a.status, key, got.status, got.body)
		}
	}
	now, err := getRetention(l.ctx, l.admin.s3, l.bucket, l.key, l.version)
	if err != nil || now.mode != Compliance || now.until.Before(l.was.until) {
		l.t.Fatalf("after %s %s?%s %v %s by %s (%d): locked %+v, %v; was %+v", r.method, r.path, r.query, r.header, r.body, l.id.Name, a.status, now, err, l.was)
	}
}

// objects tries what is about the version.
func (l *lockWays) objects() {
	path, v := "/"+l.bucket+"/"+l.key, url.QueryEscape(l.version)
	bypass := []string{"X-Amz-Bypass-Governance-Retention", "true"}
	soon := l.was.until.Add(-12 * time.Hour).UTC().Format(time.RFC3339)

	// Shorter, weaker, ended or without a sense.
	for _, body := range []string{
		retentionXML("COMPLIANCE", soon), retentionXML("GOVERNANCE", soon), retentionXML("GOVERNANCE", l.was.until.Add(time.Hour).UTC().Format(time.RFC3339)),
		retentionXML("COMPLIANCE", "2020-01-01T00:00:00Z"), retentionXML("COMPLIANCE", "1969-12-31T23:59:59Z"), retentionXML("COMPLIANCE", "0001-01-01T00:00:00Z"),
		retentionXML("COMPLIANCE", "2020-01-01"), retentionXML("COMPLIANCE", "tomorrow"), retentionXML("COMPLIANCE", ""), retentionXML("", ""), retentionXML("OFF", soon), retentionXML("compliance", soon),
		`<Retention xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></Retention>`, `<Retention><Mode>COMPLIANCE</Mode></Retention>`,
		`<Retention><RetainUntilDate>` + soon + `</RetainUntilDate></Retention>`, `<Retention><Mode>COMPLIANCE</Mode><Mode>GOVERNANCE</Mode><RetainUntilDate>` + soon + `</RetainUntilDate></Retention>`,
	} {
		for _, query := range []string{"retention=&versionId=" + v, "retention="} {
			l.try(rawRequest{method: "PUT", path: path, query: query, body: body, header: bypass})
		}
	}
	l.try(rawRequest{method: "DELETE", path: path, query: "retention=&versionId=" + v, header: bypass})
	for _, status := range []string{"ON", "OFF"} {
		l.try(rawRequest{method: "PUT", path: path, query: "legal-hold=&versionId=" + v, body: `<LegalHold><Status>` + status + `</Status></LegalHold>`})
	}

	// Deleted, one by one and in a batch.
	for _, query := range []string{"versionId=" + v, "versionId=null", "versionId=", "versionId=" + v + "&versionId=null", "versionId=" + v + "&uploadId=x"} {
		l.try(rawRequest{method: "DELETE", path: path, query: query, header: bypass})
	}
	for _, version := range []string{l.version, "null", ""} {
		l.try(rawRequest{method: "POST", path: "/" + l.bucket, query: "delete=", header: bypass,
			body: `<Delete><Object><Key>` + l.key + `</Key><VersionId>` + version + `</VersionId></Object><Object><Key>data/00/00hidden</Key><VersionId>` + l.hidden + `</VersionId></Object></Delete>`})
	}

	// Overwritten, with a lock of their own and onto the version.
	short := []string{"X-Amz-Object-Lock-Mode", "COMPLIANCE", "X-Amz-Object-Lock-Retain-Until-Date", time.Now().Add(time.Minute).UTC().Format(time.RFC3339)}
	for _, query := range []string{"", "versionId=" + v, "versionId=null", "rgwx-version-id=" + v, "append=&position=14", "versionId=" + v + "&append=&position=0"} {
		for _, header := range [][]string{nil, short, {"X-Amz-Object-Lock-Mode", "GOVERNANCE", "X-Amz-Object-Lock-Retain-Until-Date", short[3]}, {"X-Amz-Storage-Class", "GLACIER"}, {"X-Amz-Object-Lock-Legal-Hold", "OFF"}} {
			l.try(rawRequest{method: "PUT", path: path, query: query, header: header, body: "overwritten"})
		}
	}
	// Copied onto itself, which rewrites in place on some servers.
	source := "/" + l.bucket + "/" + l.key
	for _, query := range []string{"", "versionId=" + v} {
		for _, from := range []string{source, source + "?versionId=" + v, source + "?versionId=null"} {
			for _, header := range [][]string{{"X-Amz-Metadata-Directive", "REPLACE"}, {"X-Amz-Storage-Class", "STANDARD_IA"}, {"X-Amz-Metadata-Directive", "REPLACE", "X-Amz-Storage-Class", "REDUCED_REDUNDANCY"}, short} {
				l.try(rawRequest{method: "PUT", path: path, query: query, header: append([]string{"X-Amz-Copy-Source", from}, header...)})
			}
		}
	}
	// Uploaded in parts.
	client := minio.Core{Client: l.srv.Client(l.t, l.id)}
	upload, err := client.NewMultipartUpload(l.ctx, l.bucket, l.key, minio.PutObjectOptions{})
	if err == nil {
		part, err := client.PutObjectPart(l.ctx, l.bucket, l.key, upload, 1, strings.NewReader("parts"), 5, minio.PutObjectPartOptions{})
		if err != nil {
			l.t.Fatal(err)
		}
		l.try(rawRequest{method: "POST", path: path, query: "uploadId=" + url.QueryEscape(upload) + "&versionId=" + v,
			body: `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>` + part.ETag + `</ETag></Part></CompleteMultipartUpload>`})
	}
	for _, query := range []string{"restore=&versionId=" + v, "restore="} {
		l.try(rawRequest{method: "POST", path: path, query: query, body: `<RestoreRequest><Days>1</Days></RestoreRequest>`})
	}
	l.try(rawRequest{method: "PUT", path: path, query: "renameObject=", header: []string{"X-Amz-Rename-Source", source}})
	l.try(rawRequest{method: "PUT", path: path, query: "acl=&versionId=" + v, header: []string{"X-Amz-Acl", "public-read-write"}})
	l.try(rawRequest{method: "PUT", path: path, query: "tagging=&versionId=" + v, body: `<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>`})
}

func retentionXML(mode, until string) string {
	return fmt.Sprintf(`<Retention xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Mode>%s</Mode><RetainUntilDate>%s</RetainUntilDate></Retention>`, mode, until)
}

// bucketSettings tries what is about the bucket. The admin may change the default
// retention and the lifecycle, which touches nothing that is locked; the others may
// change nothing.
func (l *lockWays) bucketSettings() {
	path := "/" + l.bucket
	admin := l.id == l.srv.Admin
	put := func(query, body string, header ...string) reply {
		l.t.Helper()
		a := l.try(rawRequest{method: "PUT", path: path, query: query, body: body, header: header})
		if a.ok() && !admin && query != "" {
			l.t.Errorf("%s sets %s: %d %s", l.id.Name, query, a.status, body)
		}
		return a
	}
	for _, body := range []string{
		`<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Suspended</Status></VersioningConfiguration>`,
		`<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Disabled</Status></VersioningConfiguration>`,
		`<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></VersioningConfiguration>`,
		`<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Suspended</Status><MfaDelete>Disabled</MfaDelete></VersioningConfiguration>`,
	} {
		put("versioning=", body)
		// An upload of the version null would go over nothing that is locked.
		l.try(rawRequest{method: "PUT", path: path + "/" + l.key, body: "null"})
		l.try(rawRequest{method: "DELETE", path: path + "/" + l.key})
		l.try(rawRequest{method: "DELETE", path: path + "/" + l.key, query: "versionId=null"})
	}
	const ns = ` xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`
	for _, body := range []string{
		`<ObjectLockConfiguration` + ns + `><ObjectLockEnabled>Disabled</ObjectLockEnabled></ObjectLockConfiguration>`,
		`<ObjectLockConfiguration` + ns + `></ObjectLockConfiguration>`,
		`<ObjectLockConfiguration` + ns + `><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>`,
		`<ObjectLockConfiguration` + ns + `><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>`,
		`<ObjectLockConfiguration` + ns + `><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>0</Days></DefaultRetention></Rule></ObjectLockConfiguration>`,
	} {
		put("object-lock=", body)
	}
	for _, rule := range []string{
		`<Expiration><Days>1</Days></Expiration><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>`,
		`<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>1</NewerNoncurrentVersions></NoncurrentVersionExpiration>`,
		`<Expiration><Date>2020-01-01T00:00:00Z</Date></Expiration>`, `<Transition><Days>0</Days><StorageClass>GLACIER</StorageClass></Transition>`,
	} {
		put("lifecycle=", `<LifecycleConfiguration`+ns+`><Rule><ID>x</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status>`+rule+`</Rule></LifecycleConfiguration>`)
	}
	if a := l.try(rawRequest{method: "DELETE", path: path, query: "lifecycle="}); a.ok() && !admin {
		l.t.Errorf("%s removes the lifecycle", l.id.Name)
	}
	for _, query := range []string{"", "purge-objects=true", "force=true", "bypass-gc=true&purge-objects=true"} {
		if a := l.try(rawRequest{method: "DELETE", path: path, query: query, header: []string{"X-Minio-Force-Delete", "true", "X-Force-Delete", "true"}}); a.ok() {
			l.t.Errorf("%s removes the bucket: %d", l.id.Name, a.status)
		}
	}
	// Made again, without a lock.
	put("", "", "X-Amz-Bucket-Object-Lock-Enabled", "false")
	put("", "", "X-Amz-Acl", "public-read-write")
}

// ceph tries what stands beside S3 at Ceph's address, with the admin's keys too: nobody
// of the three is an administrator of the gateway.
func (l *lockWays) ceph() {
	for _, id := range []s3test.Identity{l.srv.Host, l.srv.Host2, l.srv.Admin} {
		l.id = id
		for _, bucket := range []string{l.bucket, id.Tenant + "/" + l.bucket, id.Tenant + ":" + l.bucket} {
			q := "bucket=" + url.QueryEscape(bucket)
			for _, r := range []rawRequest{
				{method: "DELETE", path: "/admin/bucket", query: q + "&purge-objects=true"}, {method: "DELETE", path: "/admin/object", query: q + "&object=" + url.QueryEscape(l.key)},
				{method: "DELETE", path: "/admin/bucket", query: q + "&object=" + url.QueryEscape(l.key)}, {method: "GET", path: "/admin/bucket", query: q + "&index=&fix=true&check-objects=true"},
				{method: "POST", path: "/admin/bucket", query: q + "&uid=" + url.QueryEscape(id.OwnerID())}, {method: "PUT", path: "/admin/bucket", query: q + "&uid=" + url.QueryEscape(id.OwnerID()) + "&bucket-id=x"},
				{method: "DELETE", path: "/admin/user", query: "uid=" + url.QueryEscape(l.srv.Admin.OwnerID()) + "&purge-data=true"},
				{method: "DELETE", path: "/admin/metadata/bucket", query: "key=" + url.QueryEscape(bucket)},
				{method: "DELETE", path: "/swift/v1/" + bucket + "/" + l.key}, {method: "DELETE", path: "/swift/v1/AUTH_" + id.OwnerID() + "/" + bucket + "/" + l.key},
				{method: "DELETE", path: "/" + bucket + "/" + l.key, query: "versionId=" + url.QueryEscape(l.version) + "&rgwx-bypass-governance-retention=true"},
				{method: "DELETE", path: "/" + bucket + "/_:" + l.version + "_" + l.key}, {method: "DELETE", path: "/" + bucket + "/data%2F00%2F00locked", query: "versionId=" + url.QueryEscape(l.version)},
			} {
				if a := l.try(r); a.ok() && strings.HasPrefix(r.path, "/admin/") && l.srv.Dialect() != "seaweedfs" { // a bucket there
					l.t.Errorf("%s %s %s?%s: %d %s", l.id.Name, r.method, r.path, r.query, a.status, a.body)
				}
			}
		}
	}
}
