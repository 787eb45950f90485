package s3state

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// The ways into a sealed bucket that storage-access does not try, since they differ in
// spelling only, need more than a request, or change settings: no answer holds the
// bytes, and no copy that the host may read.
func TestOddWaysToFileData(t *testing.T) {
	t.Parallel()
	for _, dialect := range oddDialects("rgw") {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			w := newSealed(t, s3test.Dialect(dialect))
			oddWays(t, w, dialect)
		})
	}
}

// secret is what is in the pack.
const secret = "sealed content"

// sealWays tries ways on one pack.
type sealWays struct {
	*world
	t       *testing.T
	key     string
	version string
	tried   int
	open    []string // the ways by which the bytes came
}

func oddWays(t *testing.T, w *world, dialect string) {
	grant := ""
	if strings.HasPrefix(dialect, "rgw") {
		grant = w.srv.Admin.OwnerID()
	}
	const key = "data/00/0012abcd"
	putPack(t, w, key, grant)
	s := &sealWays{world: w, t: t, key: key}
	for v, err := range w.admin.Versions(w.ctx, w.bucket, key) {
		if err != nil {
			t.Fatal(err)
		}
		s.version = v.VersionID
	}
	// What is looked for would be found.
	if got := raw(t, w.srv, w.srv.Admin, rawRequest{method: "GET", path: "/" + w.bucket + "/" + key}); got.body != secret {
		t.Fatalf("the admin reads %d %q", got.status, got.body)
	}
	for _, ways := range []func(){s.paths, s.copies, s.forms, s.settings, s.acls, s.others} {
		ways()
	}
	for _, way := range s.open {
		t.Errorf("the host reads file data: %s", way)
	}
	t.Logf("%d ways", s.tried)
	// All of it has left the pack readable by those who may, and by nobody else.
	if c, err := w.admin.CheckPolicy(w.ctx, w.bucket); err != nil || !c.OK || c.SealState(time.Now()) != Sealed {
		t.Errorf("%+v, %v", c, err)
	}
	if refused, err := refusal(w.host.get(w.ctx, w.bucket, key)); err != nil || !refused {
		t.Errorf("at the end the host reads: %v", err)
	}
	// Some of it is open to a host that may read: the attempts prove something.
	if _, err := w.admin.Unseal(w.ctx, w.bucket, UnsealOptions{For: time.Hour}); err != nil {
		t.Fatal(err)
	}
	s.open = nil
	s.paths()
	s.copies()
	if len(s.open) < 20 {
		t.Errorf("of a host that may read only %d ways come through: %q", len(s.open), s.open)
	}
	t.Logf("%d ways are open to a host that may read", len(s.open))
}

// closed notes a way by which the bytes come.
func (s *sealWays) closed(what string, a reply) {
	s.t.Helper()
	s.tried++
	if strings.Contains(a.body, secret) || strings.Contains(a.body, base64.StdEncoding.EncodeToString([]byte(secret))) {
		s.open = append(s.open, what)
	}
}

func (s *sealWays) asHost(r rawRequest) reply {
	s.t.Helper()
	return raw(s.t, s.srv, s.srv.Host, r)
}

// spellings are those of the pack's path that a server may take for it, while a policy
// does not.
func (s *sealWays) spellings() []string {
	_, rest, _ := strings.Cut(s.key, "/")
	all := []string{
		s.key, s.key + "/", "/" + s.key, "%2F" + s.key, "%64ata/" + rest, "data%2F" + rest, "data%2f" + strings.ReplaceAll(rest, "/", "%2f"),
		"data//" + rest, "data/./" + rest, "./" + s.key, "data/../" + s.key, "rwm/../" + s.key, "rwm/%2e%2e/" + s.key, "rwm%2F..%2F" + s.key,
		"index/..%2f" + s.key, "%252e%252e/" + s.key, "data%252F" + rest, "%2564ata/" + rest, "DATA/" + rest, "Data/" + rest,
		"data%5C" + rest, `data\` + rest, s.key + "%00", s.key + "%00.txt", s.key + "%20", s.key + "%0a", s.key + ".", s.key + ";a=b", s.key + "%23",
		s.key + "%3FversionId=" + s.version, s.key + "%3fversionId%3d" + url.QueryEscape(s.version), "%c1%a4ata/" + rest, "%EF%BD%84ata/" + rest,
		"data%E2%88%95" + rest, "data%E2%81%84" + rest, "d%u0061ta/" + rest, "+" + s.key, "%20" + s.key, "da%C2%ADta/" + rest, "data/" + rest + "%EF%BB%BF",
		// How Ceph names versions and parts of its own.
		"_:" + s.version + "_" + s.key, "__:" + s.version + "_" + s.key, "_" + s.key, "%5F:" + s.version + "_" + s.key, "_multipart_" + s.key, "_shadow_" + s.key,
	}
	return all
}

func (s *sealWays) paths() {
	for _, p := range s.spellings() {
		for _, bucket := range []string{s.bucket, s.srv.Host.Tenant + ":" + s.bucket, s.srv.Host.Tenant + "%3A" + s.bucket, ":" + s.bucket, "/" + s.bucket, s.bucket + "%2F", s.bucket + "/."} {
			if bucket != s.bucket && p != s.key && !strings.Contains(p, "%2F") {
				continue
			}
			s.closed("GET "+bucket+"/"+p, s.asHost(rawRequest{method: "GET", path: "/" + bucket + "/" + p}))
		}
	}
	v := url.QueryEscape(s.version)
	for _, q := range []string{
		"versionId=", "versionId=null", "versionId=null&versionId=" + v, "versionId=" + v + "&versionId=null", "VersionId=" + v, "versionid=" + v, "versionId=%20" + v, "versionId=" + v + "%00",
		"versionId=" + v + "&torrent=", "versionId=" + v + "&partNumber=1", "prefix=" + url.QueryEscape(s.key), "rgwx-version-id=" + v, "rgwx-prepend-metadata=true", "rgwx-stat=true",
		"rgwx-skip-decrypt=true", "rgwx-sync-manifest=true", "multipart-manifest=get", "response-content-type=text%2Fhtml&versionId=" + v, "x-id=GetObject", "x-amz-security-token=x",
		"retention=", "legal-hold=", "tagging=", "acl=", "uploads=", "uploadId=x", "append=&position=0", "session=", "list-type=2",
	} {
		s.closed("GET ?"+q, s.asHost(rawRequest{method: "GET", path: "/" + s.bucket + "/" + s.key, query: q}))
	}
	for _, m := range []string{"POST", "OPTIONS", "TRACE", "PATCH", "COPY", "get"} {
		s.closed(m, s.asHost(rawRequest{method: m, path: "/" + s.bucket + "/" + s.key, header: []string{"Origin", "http://example.org", "Access-Control-Request-Method", "GET"}}))
	}
	for _, h := range [][]string{
		{"X-Http-Method-Override", "GET"}, {"X-Amz-Request-Payer", "requester"}, {"Range", "bytes=0-3,5-7"}, {"Range", "bytes=0-"}, {"X-Amz-Expected-Bucket-Owner", s.srv.Host.OwnerID()},
		{"X-Forwarded-For", "127.0.0.1"}, {"Referer", s.srv.URL}, {"X-Original-Url", "/" + s.bucket + "/" + s.key}, {"X-Rgw-Auth", "x"}, {"Rgwx-Version-Id", s.version},
		{"X-Object-Manifest", s.bucket + "/" + s.key},
	} {
		s.closed("GET with "+h[0], s.asHost(rawRequest{method: "GET", path: "/" + s.bucket + "/" + s.key, header: h}))
		s.closed("GET of config with "+h[0], s.asHost(rawRequest{method: "GET", path: "/" + s.bucket + "/config", header: h}))
	}
	// The name of the bucket in that of the server.
	u, err := url.Parse(s.srv.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, host := range []string{s.bucket + ".localhost", s.bucket + ".s3-website.localhost", s.srv.Host.Tenant + ":" + s.bucket + ".localhost"} {
		presigned, err := s.host.client.Presign(s.ctx, http.MethodGet, s.bucket, s.key, time.Minute, nil)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, target := range []string{u.String() + "/" + s.key, presigned.String()} {
			req, err := http.NewRequestWithContext(s.ctx, http.MethodGet, target, nil)
			if err != nil {
				s.t.Fatal(err)
			}
			req.Host = host
			s.closed("GET at the host "+host, roundTrip(s.t, req))
		}
	}
}

// sources are spellings of a copy's source.
func (s *sealWays) sources() []string {
	v := url.QueryEscape(s.version)
	all := []string{}
	for _, p := range s.spellings() {
		all = append(all, s.bucket+"/"+p, "/"+s.bucket+"/"+p+"?versionId="+v)
	}
	tenant := s.srv.Host.Tenant
	for _, b := range []string{tenant + ":" + s.bucket, tenant + "%3A" + s.bucket, "/" + tenant + ":" + s.bucket, ":" + s.bucket, "//" + s.bucket, "%2F" + s.bucket, tenant + "/" + s.bucket} {
		all = append(all, b+"/"+s.key, b+"/"+s.key+"?versionId="+v)
	}
	for _, q := range []string{"versionId=", "versionId=null", "VersionId=" + v, "versionId=" + v + "&x=y", "x=y&versionId=" + v, "versionId=" + v + "&versionId=null", "versionId=%20" + v, "partNumber=1"} {
		all = append(all, s.bucket+"/"+s.key+"?"+q)
	}
	return append(all, s.bucket+"%2F"+s.key, s3utils.EncodePath(s.bucket+"/"+s.key)+"%3FversionId%3D"+v,
		"arn:aws:s3:::"+s.bucket+"/"+s.key, "arn:aws:s3:us-east-1:000000000000:accesspoint/"+s.bucket+"/object/"+s.key, "http://127.0.0.1/"+s.bucket+"/"+s.key)
}

// copies copies to places that the host may read, whole and in parts.
func (s *sealWays) copies() {
	core := minio.Core{Client: s.host.client}
	other := "rwm-canary-" + strings.ToLower(s.bucket)
	targets := []string{s.bucket}
	if len(other) < 60 && s.host.client.MakeBucket(s.ctx, other, minio.MakeBucketOptions{}) == nil {
		targets = append(targets, other)
	}
	for i, source := range s.sources() {
		target := targets[i%len(targets)]
		places := []string{"rwm/odd", "index/odd", "rwm/trees/odd", "keys/odd"}
		key := fmt.Sprintf("%s%d", places[i%len(places)], i)
		path := "/" + target + "/" + key
		s.closed("copy of "+source, s.asHost(rawRequest{method: "PUT", path: path, header: []string{"X-Amz-Copy-Source", source}}))
		s.closed("the copy of "+source, s.asHost(rawRequest{method: "GET", path: path}))
		for _, metadata := range [][]string{{"X-Amz-Metadata-Directive", "REPLACE"}, {"X-Amz-Tagging-Directive", "COPY", "X-Amz-Storage-Class", "STANDARD"}} {
			if i < 4 {
				s.closed("copy of "+source, s.asHost(rawRequest{method: "PUT", path: path, header: append([]string{"X-Amz-Copy-Source", source}, metadata...)}))
				s.closed("the copy of "+source, s.asHost(rawRequest{method: "GET", path: path}))
			}
		}
		upload, err := core.NewMultipartUpload(s.ctx, target, key, minio.PutObjectOptions{})
		if err != nil {
			s.t.Fatal(err)
		}
		a := s.asHost(rawRequest{method: "PUT", path: path, query: "partNumber=1&uploadId=" + url.QueryEscape(upload), header: []string{"X-Amz-Copy-Source", source}})
		s.closed("part of "+source, a)
		if !a.ok() {
			continue
		}
		_, etag, _ := strings.Cut(a.body, "<ETag>")
		etag, _, _ = strings.Cut(etag, "</ETag>")
		etag = strings.Trim(strings.ReplaceAll(etag, "&quot;", `"`), `"`)
		if _, err := core.CompleteMultipartUpload(s.ctx, target, key, upload, []minio.CompletePart{{PartNumber: 1, ETag: etag}}, minio.PutObjectOptions{}); err == nil {
			s.closed("the part of "+source, s.asHost(rawRequest{method: "GET", path: path}))
		}
	}
}

// settings of the bucket that only the admin may change, each by the host and by the
// keeper.
func (s *sealWays) settings() {
	for _, id := range []s3test.Identity{s.srv.Host, s.srv.Host2} {
		for what, body := range map[string]string{
			"website":           `<WebsiteConfiguration><IndexDocument><Suffix>x</Suffix></IndexDocument></WebsiteConfiguration>`,
			"cors":              `<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>`,
			"notification":      `<NotificationConfiguration></NotificationConfiguration>`,
			"logging":           `<BucketLoggingStatus><LoggingEnabled><TargetBucket>` + s.bucket + `</TargetBucket><TargetPrefix>rwm/log</TargetPrefix></LoggingEnabled></BucketLoggingStatus>`,
			"requestPayment":    `<RequestPaymentConfiguration><Payer>Requester</Payer></RequestPaymentConfiguration>`,
			"replication":       `<ReplicationConfiguration><Role></Role><Rule><ID>x</ID><Status>Enabled</Status><Priority>1</Priority><DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication><Filter><Prefix></Prefix></Filter><Destination><Bucket>` + s.bucket + `</Bucket></Destination></Rule></ReplicationConfiguration>`,
			"inventory":         `<InventoryConfiguration><Id>x</Id></InventoryConfiguration>`,
			"tagging":           `<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>`,
			"encryption":        `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`,
			"ownershipControls": `<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>`,
			"publicAccessBlock": `<PublicAccessBlockConfiguration><IgnorePublicAcls>false</IgnorePublicAcls></PublicAccessBlockConfiguration>`,
			"accelerate":        `<AccelerateConfiguration><Status>Enabled</Status></AccelerateConfiguration>`,
			"lifecycle":         `<LifecycleConfiguration><Rule><ID>x</ID><Prefix></Prefix><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>`,
			"versioning":        `<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>`,
			"object-lock":       `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>`,
			"policy":            `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::` + s.bucket + `/*"]}]}`,
			"acl":               `<AccessControlPolicy><Owner><ID>` + id.OwnerID() + `</ID></Owner><AccessControlList><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>` + id.OwnerID() + `</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>`,
		} {
			query := what + "="
			if what == "inventory" {
				query += "&id=x"
			}
			s.tried++
			if a := raw(s.t, s.srv, id, rawRequest{method: "PUT", path: "/" + s.bucket, query: query, body: body}); a.ok() {
				s.t.Errorf("%s sets %s: %d %s", id.Name, what, a.status, a.body)
			}
			switch what {
			case "policy", "website", "cors", "lifecycle", "publicAccessBlock", "replication", "encryption", "tagging", "notification":
				if a := raw(s.t, s.srv, id, rawRequest{method: "DELETE", path: "/" + s.bucket, query: what + "="}); a.ok() {
					s.t.Errorf("%s deletes %s: %d %s", id.Name, what, a.status, a.body)
				}
			}
		}
		for _, h := range [][]string{{"X-Amz-Acl", "public-read-write"}, {"X-Amz-Grant-Full-Control", `id="` + id.OwnerID() + `"`}} {
			s.tried++
			if a := raw(s.t, s.srv, id, rawRequest{method: "PUT", path: "/" + s.bucket, query: "acl=", header: h}); a.ok() {
				s.t.Errorf("%s sets the bucket's ACL by %s", id.Name, h[0])
			}
		}
		// Making the bucket again.
		raw(s.t, s.srv, id, rawRequest{method: "PUT", path: "/" + s.bucket, header: []string{"X-Amz-Acl", "public-read-write"}})
		if a := raw(s.t, s.srv, id, rawRequest{method: "DELETE", path: "/" + s.bucket}); a.ok() {
			s.t.Errorf("%s removes the bucket", id.Name)
		}
	}
}

// acls are those of the pack.
func (s *sealWays) acls() {
	for _, query := range []string{"acl=", "acl=&versionId=" + url.QueryEscape(s.version)} {
		for _, h := range [][]string{{"X-Amz-Acl", "public-read"}, {"X-Amz-Acl", "authenticated-read"}, {"X-Amz-Acl", "bucket-owner-full-control"}, {"X-Amz-Grant-Read", `uri="http://acs.amazonaws.com/groups/global/AllUsers"`}} {
			s.asHost(rawRequest{method: "PUT", path: "/" + s.bucket + "/" + s.key, query: query, header: h})
			s.closed("GET after "+query+" "+h[1], s.asHost(rawRequest{method: "GET", path: "/" + s.bucket + "/" + s.key}))
			req, err := http.NewRequestWithContext(s.ctx, http.MethodGet, s.srv.URL+"/"+s.srv.Host.Tenant+":"+s.bucket+"/"+s.key, nil)
			if err != nil {
				s.t.Fatal(err)
			}
			s.closed("anonymous GET after "+query+" "+h[1], roundTrip(s.t, req))
		}
	}
	for query, body := range map[string]string{
		"restore=":                   `<RestoreRequest><Days>1</Days></RestoreRequest>`,
		"restore=&versionId=":        `<RestoreRequest><Type>SELECT</Type><SelectParameters><Expression>select * from S3Object</Expression><ExpressionType>SQL</ExpressionType><InputSerialization><CSV/></InputSerialization><OutputSerialization><CSV/></OutputSerialization></SelectParameters><OutputLocation><S3><BucketName>` + s.bucket + `</BucketName><Prefix>rwm/restored</Prefix></S3></OutputLocation></RestoreRequest>`,
		"select=&select-type=2":      `<SelectObjectContentRequest><Expression>select * from s3object</Expression><ExpressionType>SQL</ExpressionType><InputSerialization><CSV><FileHeaderInfo>NONE</FileHeaderInfo></CSV></InputSerialization><OutputSerialization><CSV/></OutputSerialization></SelectObjectContentRequest>`,
		"select&select-type=2&x-id=": `<SelectRequest><Expression>select count(*) from s3object</Expression><ExpressionType>SQL</ExpressionType><InputSerialization><CompressionType>NONE</CompressionType><CSV/></InputSerialization><OutputSerialization><CSV/></OutputSerialization></SelectRequest>`,
	} {
		a := s.asHost(rawRequest{method: "POST", path: "/" + s.bucket + "/" + s.key, query: query, body: body})
		s.closed("POST ?"+query, a)
		if a.ok() {
			s.t.Errorf("POST ?%s: %d %s", query, a.status, a.body)
		}
	}
}
