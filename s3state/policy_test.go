package s3state

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/fixtures"
	"github.com/cesnet/rwm/internal/harness/s3test"
)

const (
	aAdmin = "arn:aws:iam::acme:user/admin"
	aHost  = "arn:aws:iam::acme:user/host"
)

func goodConfig() *bucketConfig {
	return &bucketConfig{
		acl:        ACL{Owner: Owner{ID: "acme$admin"}, Grants: []Grant{{Grantee{ID: "acme$admin"}, "FULL_CONTROL"}}},
		policy:     []byte(bucketPolicy("b", aAdmin, aHost)),
		versioning: "Enabled",
	}
}

// The policy is exactly the one that the Python RWM writes.
func TestBucketPolicy(t *testing.T) {
	var got, want any
	if err := json.Unmarshal([]byte(bucketPolicy("b", aAdmin, aHost)), &got); err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal([]byte(fixtures.Policy("b", aAdmin, aHost)), &want)
	g, _ := json.Marshal(got)
	w, _ := json.Marshal(want)
	if string(g) != string(w) {
		t.Errorf("%s\nnot %s", g, w)
	}
}

func TestCheckPolicy(t *testing.T) {
	c := checkPolicy("b", goodConfig())
	if !c.OK || c.AdminUser() != "admin" || c.TargetUser() != "host" || len(c.Problems) > 0 {
		t.Errorf("%+v", c)
	}
	edit := func(old, new string) func(*bucketConfig) {
		return func(f *bucketConfig) {
			changed := strings.Replace(string(f.policy), old, new, 1)
			if changed == string(f.policy) {
				t.Errorf("%q is not in the policy", old)
			}
			f.policy = []byte(changed)
		}
	}
	extra := func(statement string) func(*bucketConfig) {
		return edit(`"Statement":[`, `"Statement":[`+statement+`,`)
	}
	for name, ok := range map[string]func(*bucketConfig){
		"statements the other way round": func(f *bucketConfig) {
			var p policyDocument
			_ = json.Unmarshal(f.policy, &p)
			slices.Reverse(p.Statement)
			f.policy, _ = json.Marshal(p)
		},
		"strings instead of lists": func(f *bucketConfig) {
			edit(`["arn:aws:iam::acme:user/admin"]`, `"arn:aws:iam::acme:user/admin"`)(f)
			edit(`["*"]`, `"*"`)(f)
		},
		"a Deny that closes holes": func(f *bucketConfig) { f.policy = []byte(bucketPolicy("b", aAdmin, aHost, denial("b", aHost))) },
		"a Deny of one's own":      extra(`{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::acme:user/host"},"Action":"s3:DeleteObjectVersion","Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"]}`),
		"with Sids":                edit(`"Effect"`, `"Sid":"a","Effect"`),
		"without tenant": func(f *bucketConfig) {
			f.acl.Owner.ID, f.acl.Grants = "admin", nil
			f.policy = []byte(bucketPolicy("b", "arn:aws:iam:::user/admin", "arn:aws:iam:::user/host"))
		},
		"plain ids as principals": func(f *bucketConfig) {
			f.acl.Owner.ID, f.acl.Grants = "K1", nil
			f.policy = []byte(bucketPolicy("b", "K1", "K2"))
		},
		"AWS": func(f *bucketConfig) {
			f.acl.Owner.ID, f.acl.Grants = strings.Repeat("0a", 32), nil
			f.policy = []byte(bucketPolicy("b", "arn:aws:iam::123456789012:user/admin", "arn:aws:iam::123456789012:user/host"))
		},
	} {
		f := goodConfig()
		ok(f)
		c := checkPolicy("b", f)
		if !c.OK {
			t.Errorf("%s: %q", name, c.Problems)
		}
		if c.VersionsDenied != (name == "a Deny that closes holes") {
			t.Errorf("%s: versions denied: %v", name, c.VersionsDenied)
		}
	}
	for name, bad := range map[string]func(*bucketConfig){
		"versioning suspended":        func(f *bucketConfig) { f.versioning = "Suspended" },
		"versioning never enabled":    func(f *bucketConfig) { f.versioning = "" },
		"no policy":                   func(f *bucketConfig) { f.policy = nil },
		"no JSON":                     func(f *bucketConfig) { f.policy = []byte("x") },
		"no statements":               func(f *bucketConfig) { f.policy = []byte(`{"Version": "2012-10-17", "Statement": []}`) },
		"one statement":               func(f *bucketConfig) { f.policy = []byte(encodePolicy(adminStatement("b", aAdmin))) },
		"a third statement":           extra(`{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::acme:user/x"]},"Action":["s3:GetObject"],"Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"]}`),
		"a Deny in place of an Allow": edit(`"Allow"`, `"Deny"`),
		"a Deny for the admin":        func(f *bucketConfig) { f.policy = []byte(bucketPolicy("b", aAdmin, aHost, denial("b", aAdmin))) },
		"a Deny on another bucket":    func(f *bucketConfig) { f.policy = []byte(bucketPolicy("b", aAdmin, aHost, denial("c", aHost))) },
		"a Deny of what a host needs": extra(`{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::acme:user/host"},"Action":["s3:GetObject"],"Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"]}`),
		"a Deny of everything":        extra(`{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::acme:user/host"},"Action":["s3:*"],"Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"]}`),
		"a Deny with a condition":     extra(`{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::acme:user/host"},"Action":["s3:GetObjectVersion"],"Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"],"Condition":{}}`),
		"neither Allow nor Deny":      edit(`"Allow"`, `"Maybe"`),
		"another bucket":              edit(`"arn:aws:s3:::b/*"`, `"arn:aws:s3:::c/*"`),
		"all buckets":                 edit(`"arn:aws:s3:::b/*"`, `"*"`),
		"the objects only":            edit(`"arn:aws:s3:::b",`, ``),
		"deleting versions":           edit(`"s3:GetObject"`, `"s3:GetObject","s3:DeleteObjectVersion"`),
		"all that begins with Get":    edit(`"s3:GetObject"`, `"s3:Get*"`),
		"everything for both":         edit(`"s3:GetObject"`, `"*"`),
		"one action missing":          edit(`"s3:GetObject",`, ``),
		"the admin limited":           edit(`["*"]`, `["s3:ListBucket"]`),
		"the same principal":          edit("user/host", "user/admin"),
		"another admin":               edit("user/admin", "user/root"),
		"the same in another tenant":  edit("acme:user/admin", "other:user/admin"),
		"everybody":                   edit(`{"AWS":["arn:aws:iam::acme:user/host"]}`, `"*"`),
		"every AWS user":              edit(`"arn:aws:iam::acme:user/host"`, `"*"`),
		"two users":                   edit(`"arn:aws:iam::acme:user/host"`, `"arn:aws:iam::acme:user/host","arn:aws:iam::acme:user/x"`),
		"a condition":                 edit(`"Effect"`, `"Condition":{},"Effect"`),
		"NotAction":                   edit(`"Action"`, `"NotAction"`),
		"NotPrincipal":                edit(`"Principal"`, `"NotPrincipal"`),
		// versitygw, for one, takes both.
		"actions twice":       edit(`"Action":["s3:ListBucket"`, `"Action":["s3:*"],"Action":["s3:ListBucket"`),
		"principals twice":    edit(`"Principal":{"AWS":["arn:aws:iam::acme:user/host"]}`, `"Principal":"*","Principal":{"AWS":["arn:aws:iam::acme:user/host"]}`),
		"users twice":         edit(`{"AWS":["arn:aws:iam::acme:user/host"]}`, `{"AWS":["arn:aws:iam::acme:user/x"],"AWS":["arn:aws:iam::acme:user/host"]}`),
		"statements twice":    edit(`"Statement":`, `"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}],"Statement":`),
		"in different cases":  edit(`"Statement":`, `"statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}],"Statement":`),
		"a condition's twice": extra(`{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"],"Condition":{"Bool":{"aws:SecureTransport":"true","aws:SecureTransport":"false"}}}`),
		"another owner":       func(f *bucketConfig) { f.acl.Owner.ID = "acme$other" },
		"the host as owner":   func(f *bucketConfig) { f.acl.Owner.ID = "acme$host" },
		"no owner":            func(f *bucketConfig) { f.acl.Owner.ID = "" },
		"an ACL for everybody": func(f *bucketConfig) {
			f.acl.Grants = append(f.acl.Grants, Grant{Grantee{URI: "http://acs.amazonaws.com/groups/global/AllUsers"}, "WRITE"})
		},
		"accounts that differ": func(f *bucketConfig) {
			f.acl.Owner.ID, f.acl.Grants = strings.Repeat("0a", 32), nil
			f.policy = []byte(bucketPolicy("b", "arn:aws:iam::123456789012:user/admin", "arn:aws:iam::210987654321:user/host"))
		},
		"an unfinished restore": func(f *bucketConfig) {
			f.policy = []byte(unfinishedPolicy("b", roles{admin: aAdmin}, RestoreOrigin{"a", "k", "v"}, ""))
		},
	} {
		f := goodConfig()
		bad(f)
		if c := checkPolicy("b", f); c.OK || len(c.Problems) == 0 {
			t.Errorf("%s: reported as OK", name)
		}
	}
}

func TestUnfinishedPolicy(t *testing.T) {
	o := RestoreOrigin{"source", "rwm/state_2026-01-01T00:00:00.000000+01:00.json.gz", "v1"}
	f := goodConfig()
	f.policy = []byte(unfinishedPolicy("b", roles{admin: aAdmin}, o, ""))
	if got := unfinishedRestore("b", f); got == nil || *got != o {
		t.Errorf("%v", got)
	}
	if got := unfinishedRestore("c", f); got != nil {
		t.Errorf("of another bucket: %v", got)
	}
	if got := unfinishedRestore("b", goodConfig()); got != nil {
		t.Errorf("a policed bucket: %v", got)
	}
	if regexpSid := strings.Trim(unfinishedSid, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"); regexpSid != "" {
		t.Error("AWS takes only letters and digits in a Sid")
	}
}

func FuzzCheckPolicy(f *testing.F) {
	f.Add([]byte(bucketPolicy("b", aAdmin, aHost)))
	f.Add([]byte(unfinishedPolicy("b", roles{admin: aAdmin}, RestoreOrigin{"a", "k", "v"}, "")))
	f.Add([]byte(`"{\"Statement\": {\"Principal\": \"*\"}}"`))
	f.Fuzz(func(t *testing.T, policy []byte) {
		config := goodConfig()
		config.policy = policy
		c := checkPolicy("b", config)
		if c.OK && (c.Admin != aAdmin || c.Target == "" || c.Target == c.Admin) {
			t.Fatalf("%s: %+v", policy, c)
		}
	})
}

// A step that fails leaves an error that says what was made and what to do next.
func TestCreateStopsHalfway(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{`\?versioning`, `\?policy`} {
		w.srv.Inject(t, s3test.Fault{Method: http.MethodPut, Path: path, Kind: s3test.Status, Status: 403, Code: "AccessDenied"})
		b := w.srv.Bucket(t)
		_, err := w.admin.Create(w.ctx, b, "host", CreateOptions{})
		var step *StepError
		if !errors.As(err, &step) || !errors.Is(err, ErrAccessDenied) || len(step.Done) == 0 || step.Next == "" || !strings.Contains(err.Error(), b) {
			t.Errorf("%s: %v", path, err)
		}
		w.srv.ClearFaults(t)
		if found, err := w.admin.exists(w.ctx, b); err != nil || !found {
			t.Errorf("the bucket that was said to be made: %v %v", found, err)
		}
		if _, err := w.admin.Delete(w.ctx, b, DeleteOptions{}); err != nil {
			t.Errorf("the way on that was named: %v", err)
		}
	}
}

// With the host's credentials nothing can be done to what is saved.
func TestHostCannotHarm(t *testing.T) {
	w := newWorld(t)
	v := w.put("data/00/x", "good")
	st := w.save()
	c := w.host.client
	for name, err := range map[string]error{
		"delete a version":     c.RemoveObject(w.ctx, w.bucket, "data/00/x", minio.RemoveObjectOptions{VersionID: v}),
		"suspend versioning":   c.SuspendVersioning(w.ctx, w.bucket),
		"change the policy":    c.SetBucketPolicy(w.ctx, w.bucket, bucketPolicy(w.bucket, w.srv.Host.ARN(), w.srv.Admin.ARN())),
		"remove the policy":    c.SetBucketPolicy(w.ctx, w.bucket, ""),
		"delete the bucket":    c.RemoveBucket(w.ctx, w.bucket),
		"create in its place":  second(w.host.Create(w.ctx, w.bucket, "host2", CreateOptions{})),
		"drop versions":        second(w.host.DropVersions(w.ctx, w.bucket, DropOptions{})),
		"delete it as a whole": second(w.host.Delete(w.ctx, w.bucket, DeleteOptions{})),
	} {
		if err == nil {
			t.Errorf("the host can %s", name)
		}
	}
	// Old data is not to be read with the host's credentials either.
	w.put("data/00/x", "evil")
	if _, err := w.host.client.StatObject(w.ctx, w.bucket, "data/00/x", minio.StatObjectOptions{VersionID: v}); err == nil {
		t.Error("the host can read an old version")
	}
	if _, _, err := w.restore(st, nil); err != nil {
		t.Error(err)
	}
}
