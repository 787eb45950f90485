package s3state

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/signer"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// forms are uploads by a browser's form.
func (s *sealWays) forms() {
	for _, extra := range [][2]string{
		{"x-amz-copy-source", "/" + s.bucket + "/" + s.key}, {"acl", "public-read"}, {"success_action_redirect", s.srv.URL + "/" + s.bucket + "/" + s.key}, {"x-amz-website-redirect-location", "/" + s.key},
	} {
		now := time.Now().UTC()
		credential := signer.GetCredential(s.srv.Host.AccessKey, "us-east-1", now, signer.ServiceTypeS3)
		fields := map[string]string{
			"bucket": s.bucket, "key": "rwm/form", extra[0]: extra[1], "x-amz-algorithm": "AWS4-HMAC-SHA256",
			"x-amz-credential": credential, "x-amz-date": now.Format("20060102T150405Z"),
		}
		conditions := []map[string]string{}
		for name, value := range fields {
			conditions = append(conditions, map[string]string{name: value})
		}
		text, err := json.Marshal(map[string]any{"expiration": now.Add(time.Hour).Format("2006-01-02T15:04:05.000Z"), "conditions": conditions})
		if err != nil {
			s.t.Fatal(err)
		}
		fields["policy"] = base64.StdEncoding.EncodeToString(text)
		fields["x-amz-signature"] = signer.PostPresignSignatureV4(fields["policy"], now, s.srv.Host.SecretKey, "us-east-1")
		var body bytes.Buffer
		m := multipart.NewWriter(&body)
		for name, value := range fields {
			m.WriteField(name, value) //nolint:errcheck // in memory
		}
		f, err := m.CreateFormFile("file", "x")
		if err != nil {
			s.t.Fatal(err)
		}
		f.Write([]byte("a form")) //nolint:errcheck // in memory
		m.Close()                 //nolint:errcheck // in memory
		req, err := http.NewRequestWithContext(s.ctx, http.MethodPost, s.srv.URL+"/"+s.bucket, &body)
		if err != nil {
			s.t.Fatal(err)
		}
		req.Header.Set("Content-Type", m.FormDataContentType())
		a := roundTrip(s.t, req)
		s.closed("form with "+extra[0], a)
		s.closed("the object of a form with "+extra[0], s.asHost(rawRequest{method: "GET", path: "/" + s.bucket + "/rwm/form"}))
	}
}

// others are the services that stand beside S3 at the same address: STS, IAM, Swift and
// the administration of Ceph. What gives other credentials, or names a pack, is open.
func (s *sealWays) others() {
	arn := s.srv.Host.ARN()
	allow := url.QueryEscape(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`)
	trust := url.QueryEscape(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["` + arn + `"]},"Action":["sts:AssumeRole"]}]}`)
	for _, id := range []s3test.Identity{s.srv.Host, s.srv.Host2} {
		for _, action := range []string{
			"GetSessionToken&Version=2011-06-15", "GetSessionToken&DurationSeconds=3600&Version=2011-06-15",
			"GetFederationToken&Name=x&Version=2011-06-15&Policy=" + allow,
			"AssumeRole&RoleSessionName=x&Version=2011-06-15&RoleArn=" + url.QueryEscape("arn:aws:iam::"+s.srv.Host.Tenant+":role/x"),
			"AssumeRole&RoleSessionName=x&Version=2011-06-15&RoleArn=" + url.QueryEscape(s.srv.Admin.ARN()),
			"AssumeRoleWithWebIdentity&RoleSessionName=x&WebIdentityToken=x&Version=2011-06-15&RoleArn=" + url.QueryEscape("arn:aws:iam::"+s.srv.Host.Tenant+":role/x"),
			"CreateRole&Version=2010-05-08&RoleName=x&AssumeRolePolicyDocument=" + trust, "PutUserPolicy&Version=2010-05-08&UserName=host&PolicyName=x&PolicyDocument=" + allow,
			"PutRolePolicy&Version=2010-05-08&RoleName=x&PolicyName=x&PolicyDocument=" + allow,
			"CreateUser&Version=2010-05-08&UserName=host3", "CreateAccessKey&Version=2010-05-08&UserName=admin", "ListUsers&Version=2010-05-08", "CreateAccessKey&Version=2010-05-08",
		} {
			for _, service := range []string{"sts", "iam"} {
				signed := ""
				if service == "sts" {
					signed = "sts"
				}
				a := raw(s.t, s.srv, id, rawRequest{method: "POST", path: "/", body: "Action=" + action, service: signed, header: []string{"Content-Type", "application/x-www-form-urlencoded"}})
				s.tried++
				if a.ok() && !strings.HasPrefix(action, "GetSessionToken") {
					s.t.Errorf("%s %s: %d %s", id.Name, action, a.status, a.body)
				}
				if secretKey := between(a.body, "<SecretAccessKey>", "</SecretAccessKey>"); secretKey != "" && id == s.srv.Host {
					c, err := json.Marshal(action)
					if err != nil {
						s.t.Fatal(err)
					}
					got := raw(s.t, s.srv, s3test.Identity{AccessKey: between(a.body, "<AccessKeyId>", "</AccessKeyId>"), SecretKey: secretKey},
						rawRequest{method: "GET", path: "/" + s.bucket + "/" + s.key, header: []string{"X-Amz-Security-Token", between(a.body, "<SessionToken>", "</SessionToken>")}})
					s.closed("GET with the credentials of "+string(c), got)
				}
			}
		}
	}
	for _, id := range []s3test.Identity{s.srv.Host, s.srv.Host2} {
		for _, path := range []string{
			"/swift/v1/" + s.bucket + "/" + s.key, "/swift/v1/AUTH_" + id.Tenant + "/" + s.bucket + "/" + s.key, "/swift/v1/AUTH_" + s.srv.Admin.OwnerID() + "/" + s.bucket + "/" + s.key,
			"/swift/info", "/auth/v1.0", "/admin/bucket", "/admin/object", "/admin/user", "/admin/metadata/user", "/admin/metadata/bucket", "/admin/log", "/admin/config", "/admin/info", "/admin/usage", "/admin/ratelimit",
		} {
			for _, query := range []string{"", "format=json&uid=" + url.QueryEscape(s.srv.Admin.OwnerID()) + "&bucket=" + s.bucket + "&object=" + url.QueryEscape(s.key), "policy=&bucket=" + s.bucket + "&object=" + url.QueryEscape(s.key)} {
				for _, method := range []string{"GET", "HEAD", "POST"} {
					a := raw(s.t, s.srv, id, rawRequest{method: method, path: path, query: query})
					s.closed(method+" "+path, a)
					if a.ok() && strings.HasPrefix(path, "/admin/") && s.srv.Dialect() != "seaweedfs" {
						s.t.Errorf("%s %s?%s: %d %s", method, path, query, a.status, a.body)
					}
				}
			}
		}
	}
}

func between(text, from, to string) string {
	_, text, found := strings.Cut(text, from)
	text, _, _ = strings.Cut(text, to)
	if !found {
		return ""
	}
	return text
}
