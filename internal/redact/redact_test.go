package redact

import (
	"strings"
	"testing"
)

func TestQuery(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "versions=": "versions=", "acl": "acl",
		"prefix=data%2F&max-keys=2&versions=":             "prefix=data%2F&max-keys=2&versions=",
		"versionId=v%2B1&X-Amz-Signature=abc":             "versionId=v%2B1&X-Amz-Signature=***",
		"x-amz-signature=abc&X%2DAmz%2DSignature=def":     "x-amz-signature=***&X%2DAmz%2DSignature=***",
		"AWSAccessKeyId=AK&Signature=s%3D&Expires=1&%zz=": "AWSAccessKeyId=***&Signature=***&Expires=***&%zz=",
		"%zz=secret": "%zz=***",
	} {
		if got := Query(in); got != want {
			t.Errorf("%q: %q, not %q", in, got, want)
		}
	}
}

func TestText(t *testing.T) {
	const secret = "SeCrEt0123456789"
	for _, in := range []string{
		`Get "http://h/b/k?versionId=1&X-Amz-Signature=` + secret + `&x=1": connection refused`,
		`Get "http://h/b/k?X-Amz-Credential=` + secret + `%2F2026%2Fus-east-1&X-Amz-Security-Token=` + secret + `"`,
		`http://h/b?AWSAccessKeyId=` + secret + `&Signature=` + secret,
		`Authorization: AWS4-HMAC-SHA256 Credential=` + secret + `/2026/s3/aws4_request, SignedHeaders=host, Signature=` + secret,
		`map[Authorization:AWS ` + secret + `:` + secret + `]`,
		`authorization=Bearer ` + secret,
		`https://user:` + secret + `@host/path`, `https://` + secret + `@host`,
		`x-amz-server-side-encryption-customer-key: ` + secret,
		`"X-Amz-Security-Token":"` + secret + `"`,
	} {
		if got := Text(in); strings.Contains(got, secret) {
			t.Errorf("%s: %s", in, got)
		}
	}
	for _, in := range []string{
		"", "list versions of bucket b after key \"data/00\"", "http://host:9000/b/k?versionId=a", "a@b: c", "signature",
		"path=/b/k query=prefix=data/ took=1ms", "http://h/user@x",
	} {
		if got := Text(in); got != in {
			t.Errorf("%q became %q", in, got)
		}
	}
}
