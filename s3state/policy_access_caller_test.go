package s3state

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

func TestSTSBesideAnEndpoint(t *testing.T) {
	for endpoint, want := range map[string]string{
		"s3.amazonaws.com":                         "sts.amazonaws.com us-east-1",
		"s3.eu-central-1.amazonaws.com":            "sts.eu-central-1.amazonaws.com eu-central-1",
		"s3-eu-west-1.amazonaws.com":               "sts.eu-west-1.amazonaws.com eu-west-1",
		"S3.dualstack.eu-north-1.amazonaws.com":    "sts.eu-north-1.amazonaws.com eu-north-1",
		"s3-fips.us-gov-west-1.amazonaws.com":      "sts.us-gov-west-1.amazonaws.com us-gov-west-1",
		"s3.cn-north-1.amazonaws.com.cn":           "sts.cn-north-1.amazonaws.com.cn cn-north-1",
		"s3.example.org":                           " ",
		"s3.eu-west-1.amazonaws.com.attacker.test": " ",
		"evilamazonaws.com":                        " ",
		"ec2.eu-west-1.amazonaws.com":              " ",
		"127.0.0.1":                                " ",
	} {
		if host, region := stsOf(endpoint); host+" "+region != want {
			t.Errorf("%s: %s %s", endpoint, host, region)
		}
	}
}

// aws sends the requests to AWS's S3 to the test server, which signs for the same host,
// and answers for its STS.
type aws struct {
	to   string
	arn  atomic.Value // "" refuses
	asks atomic.Int32
}

func (a *aws) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	if strings.HasPrefix(req.URL.Host, "sts.") {
		a.asks.Add(1)
		body, _ := io.ReadAll(req.Body)
		if !strings.Contains(string(body), "Action=GetCallerIdentity") || !strings.Contains(req.Header.Get("Authorization"), "/eu-west-1/sts/aws4_request") {
			return nil, fmt.Errorf("asked %q, %q", body, req.Header.Get("Authorization"))
		}
		arn, status := a.arn.Load().(string), http.StatusOK
		if arn == "" {
			status = http.StatusForbidden
		}
		text := "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult><Arn>" + arn +
			"</Arn><UserId>U</UserId><Account>1</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
		return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: io.NopCloser(strings.NewReader(text)), Header: http.Header{}, Request: req}, nil
	}
	req.Host = req.URL.Host
	req.URL.Scheme, req.URL.Host = "http", a.to
	return http.DefaultTransport.RoundTrip(req)
}

// On AWS the owner of a bucket is an account; STS says which of its users calls, and
// only its answer makes a caller the admin.
func TestAccessRoleOnAWS(t *testing.T) {
	t.Parallel()
	w, _, _ := newLocked(t, LockOptions{Days: 1}, s3test.Dialect("aws"))
	for _, c := range []struct {
		name string
		id   s3test.Identity
		arn  string
		as   Role
		want Role
		by   RoleBy
		ok   bool
	}{
		{"the admin", w.srv.Admin, "arn:aws:iam::acme:user/admin", "", RoleAdmin, RoleByIdentity, true},
		{"a session of the admin's role", w.srv.Admin, "arn:aws:sts::acme:assumed-role/boss/s1", "", RoleAdmin, RoleByIdentity, true},
		{"root", w.srv.Admin, "arn:aws:iam::acme:root", "", RoleAdmin, RoleByIdentity, true},
		{"the keeper", w.srv.Host2, "arn:aws:iam::acme:user/host2", "", RoleKeeper, RoleByIdentity, true},
		{"the host", w.srv.Host, "arn:aws:iam::acme:user/host", "", RoleHost, RoleByIdentity, true},
		{"another account's root", w.srv.Host, "arn:aws:iam::other:root", "", RoleHost, RoleByRights, true},
		{"one of the same name elsewhere", w.srv.Host, "arn:aws:iam::other:user/admin", "", RoleHost, RoleByRights, true},
		{"no answer", w.srv.Host, "", "", RoleHost, RoleByIdentity, true}, // the test server tells by itself
		{"no answer to the admin", w.srv.Admin, "", "", RoleKeeper, RoleByRights, false},
		{"no answer to the admin, who says so", w.srv.Admin, "", RoleAdmin, RoleAdmin, RoleGiven, true},
		{"the admin as the host", w.srv.Admin, "arn:aws:iam::acme:user/admin", RoleHost, "", "", false},
	} {
		rt := &aws{to: strings.TrimPrefix(w.srv.URL, "http://")}
		rt.arn.Store(c.arn)
		client, err := minio.New("s3.eu-west-1.amazonaws.com", &minio.Options{
			Creds: credentials.NewStaticV4(c.id.AccessKey, c.id.SecretKey, ""), Secure: true, Transport: rt,
			Region: "us-east-1", BucketLookup: minio.BucketLookupPath, MaxRetries: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		s := New(client, WithRetries(1, 0))
		config, err := s.bucketConfig(w.ctx, w.bucket)
		if err != nil {
			t.Fatal(err)
		}
		check := checkPolicy(w.bucket, config)
		config.acl.Owner.ID = strings.Repeat("0123456789abcdef", 4)
		check.Owner.ID = config.acl.Owner.ID
		if strings.Contains(c.arn, "assumed-role") {
			check.Admin = "arn:aws:iam::acme:role/team/boss"
		}
		a := &accessor{s: s, bucket: w.bucket, config: config, report: &AccessReport{Check: check, OK: true}}
		err = a.findRole(w.ctx, c.as)
		if c.want == "" {
			if err == nil || !strings.Contains(err.Error(), c.arn) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil || a.report.Role != c.want || a.report.RoleBy != c.by || rt.asks.Load() != 1 {
			t.Errorf("%s: %v %+v, asked %d times", c.name, err, a.report, rt.asks.Load())
		}
		a.settings(w.ctx)
		if a.report.OK != c.ok {
			t.Errorf("%s: %+v", c.name, a.report.Results)
		}
	}
}
