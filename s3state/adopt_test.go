package s3state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// newPlain is a world whose bucket is a plain one of the admin's with a repository in
// it, and with a policy that lets the host do everything.
func newPlain(t *testing.T, opts ...s3test.Option) *world {
	t.Helper()
	w := &world{t: t, ctx: t.Context(), srv: s3test.Start(t, opts...)}
	w.admin, w.host = w.store(w.srv.Admin), w.store(w.srv.Host)
	w.plain(w.admin)
	w.policy(w.open())
	return w
}

// plain makes a new bucket of the owner's with a repository in it.
func (w *world) plain(owner *Store) { w.t.Helper(); w.plainWith(owner, minio.MakeBucketOptions{}) }

func (w *world) plainWith(owner *Store, opts minio.MakeBucketOptions) {
	w.t.Helper()
	w.bucket = w.srv.Bucket(w.t)
	if err := owner.client.MakeBucket(w.ctx, w.bucket, opts); err != nil {
		w.t.Fatal(err)
	}
	for _, key := range []string{"config", "keys/k", "data/00/x", "index/i", "snapshots/s"} {
		put(w.t, owner, w.bucket, key, "content of "+key)
	}
}

// open are the statements of a policy that lets admin and host do everything.
func (w *world) open() []policyStatement {
	st := adminStatement(w.bucket, w.srv.Admin.ARN())
	st.Action = []string{"s3:*"}
	host := st
	host.Principal = map[string][]string{"AWS": {w.srv.Host.ARN()}}
	return []policyStatement{st, host}
}

func (w *world) policy(statements []policyStatement, more ...string) {
	w.t.Helper()
	var kept []json.RawMessage
	for _, text := range more {
		kept = append(kept, json.RawMessage(text))
	}
	if err := (&maker{s: w.admin, bucket: w.bucket}).setPolicy(w.ctx, withKept(statements, kept)); err != nil {
		w.t.Fatal(err)
	}
}

// changes are the requests since the last reset that change something.
func (w *world) changes() (all []string) {
	w.t.Helper()
	for _, r := range w.srv.Requests(w.t) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			all = append(all, r.Method+" "+r.Path+"?"+r.Query)
		}
	}
	return all
}

func fates(p *AdoptPlan) string {
	var all []string
	for _, f := range p.Found {
		all = append(all, fmt.Sprintf("%s %s %s", f.Kind, f.Name, f.Fate))
	}
	return strings.Join(all, "\n")
}

func stepNames(p *AdoptPlan) (all []string) {
	for _, s := range p.Steps {
		all = append(all, s.Name)
	}
	return all
}

// A plain bucket becomes a policed one while the host works in it, and a second time
// nothing is changed.
func TestAdopt(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{"aws", "rgw", "rgw20"} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			w := newPlain(t, s3test.Dialect(dialect))
			opts := AdoptOptions{Keeper: w.srv.Host2.Name, Sealed: true, Host: w.host}
			if dialect == "rgw20" {
				opts.Lock = &LockOptions{Days: 3}
			}
			var ends atomic.Bool
			var writes atomic.Int32
			stopped := make(chan struct{})
			go func() { // a host at work
				defer close(stopped)
				for i := 0; !ends.Load(); i++ {
					key := fmt.Sprintf("index/%d", i%5)
					_, err := w.host.putSmall(w.ctx, w.bucket, key, []byte(key))
					if err == nil {
						err = w.host.get(w.ctx, w.bucket, key)
					}
					if err == nil {
						err = w.host.hide(w.ctx, w.bucket, key)
					}
					if err != nil {
						t.Errorf("the host, meanwhile: %v", err)
						return
					}
					writes.Add(1)
				}
			}()
			dry := opts
			dry.DryRun = true
			planned, err := w.admin.Adopt(w.ctx, w.bucket, w.srv.Host.Name, dry)
			if err != nil {
				t.Fatal(err)
			}
			confirmed := 0
			opts.Approve = func(p *AdoptPlan) error {
				confirmed++
				if !slices.Equal(stepNames(p), stepNames(planned.Plan)) {
					t.Errorf("planned %v, then %v", stepNames(planned.Plan), stepNames(p))
				}
				return nil
			}
			res, err := w.admin.Adopt(w.ctx, w.bucket, w.srv.Host.Name, opts)
			ends.Store(true)
			<-stopped
			if err != nil {
				t.Fatal(err)
			}
			if writes.Load() == 0 || confirmed != 1 {
				t.Errorf("%d writes meanwhile, confirmed %d times", writes.Load(), confirmed)
			}
			c := res.Check
			if !c.OK || !c.Sealed || c.KeeperUser() != w.srv.Host2.Name || c.TargetUser() != w.srv.Host.Name || !res.Access.OK {
				t.Errorf("%+v %+v", c, res.Access)
			}
			if opts.Lock != nil && (res.Lock == nil || res.Lock.Days != 3 || len(res.Lock.Problems) > 0 || len(res.LockProof.Refused) != 4) {
				t.Errorf("%+v %+v", res.Lock, res.LockProof)
			}
			if got := contents(t, w.admin, w.bucket); got["data/00/x"] != "content of data/00/x" || got["config"] == "" {
				t.Errorf("%v", got)
			}
			if info, err := w.admin.Info(w.ctx, w.bucket, InfoOptions{}); err != nil || !info.Check.OK {
				t.Errorf("%+v, %v", info, err)
			}

			w.srv.ResetRequests(t)
			opts.Host = nil
			res, err = w.admin.Adopt(w.ctx, w.bucket, w.srv.Host.Name, opts)
			if err != nil || len(res.Plan.Steps) > 0 || len(res.Done) > 0 || !res.Check.OK || confirmed != 1 {
				t.Errorf("the second time: %+v, %v", res, err)
			}
			if got := w.changes(); len(got) > 0 {
				t.Errorf("the second time changed something: %q", got)
			}
			// Nor is a seal lost when another user takes the host's place.
			res, err = w.admin.Adopt(w.ctx, w.bucket, "host3", AdoptOptions{Replace: true, DryRun: true})
			if err != nil || !strings.Contains(res.Plan.Policy, `:user/host3"]},"Action":["s3:GetObject","s3:GetObjectVersion"`) {
				t.Errorf("another host: %s, %v", res.Plan.Policy, err)
			}
			// Without the options nothing is taken back.
			res, err = w.admin.Adopt(w.ctx, w.bucket, w.srv.Host.Name, AdoptOptions{})
			if err != nil || len(res.Plan.Steps) > 0 || !res.Check.Sealed || res.Check.Keeper == "" {
				t.Errorf("without options: %v %+v, %v", stepNames(res.Plan), res, err)
			}
		})
	}
}

const (
	tlsOnly    = `{"Sid":"tls","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::BUCKET","arn:aws:s3:::BUCKET/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}`
	everyone   = `{"Sid":"public","Effect":"Allow","Principal":"*","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::BUCKET/*"]}`
	second2    = `{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::acme:user/host2"]},"Action":["s3:GetObject"],"Resource":["arn:aws:s3:::BUCKET/*"]}`
	narrowed   = `{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::acme:user/host"]},"Action":["s3:PutObject"],"Resource":["arn:aws:s3:::BUCKET/*"],"Condition":{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}}}`
	likeKeeper = `{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::acme:user/host2"]},"Action":["s3:GetObject","s3:PutObjectRetention"],"Resource":["arn:aws:s3:::BUCKET","arn:aws:s3:::BUCKET/*"]}`
	allKeepers = `{"Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:PutObjectRetention"],"Resource":["arn:aws:s3:::BUCKET","arn:aws:s3:::BUCKET/*"]}`
	noDelete   = `{"Effect":"Deny","Principal":{"AWS":["arn:aws:iam::acme:user/host"]},"Action":["s3:DeleteObject"],"Resource":["arn:aws:s3:::BUCKET/*"]}`
	versions   = `{"Effect":"Deny","Principal":{"AWS":["arn:aws:iam::acme:user/host"]},"Action":["s3:DeleteObjectVersion"],"Resource":["arn:aws:s3:::BUCKET","arn:aws:s3:::BUCKET/*"]}`
)

// What is in the policy beside the roles' own is named, and kept or refused; what is
// refused is dropped only if that is asked for.
func TestAdoptPolicyOfOthers(t *testing.T) {
	t.Parallel()
	srv := s3test.Start(t)
	for name, c := range map[string]struct {
		statement string
		fate      AdoptFate
		why       string
	}{
		"versions denied":         {versions, AdoptKept, ""},
		"everybody reads":         {everyone, AdoptRefused, "lets * in"},
		"another user":            {second2, AdoptRefused, "user/host2 in"},
		"another user, locks":     {likeKeeper, AdoptRefused, "user/host2 in"},
		"everybody, locks":        {allKeepers, AdoptRefused, "lets * in"},
		"a condition on the host": {narrowed, AdoptRefused, "Condition would be lost"},
		"deletion denied":         {noDelete, AdoptRefused, "denies s3:DeleteObject"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{t: t, ctx: t.Context(), srv: srv}
			w.admin, w.host = w.store(srv.Admin), w.store(srv.Host)
			w.plain(w.admin)
			if ceph, err := w.admin.isCeph(w.ctx, w.bucket); err != nil {
				t.Fatal(err)
			} else if ceph && name == "versions denied" {
				c.fate, c.why = AdoptReplaced, "a wider one"
			}
			statement := strings.NewReplacer("BUCKET", w.bucket, "acme", srv.Host.Tenant).Replace(c.statement)
			w.policy(w.open(), statement)
			before, err := w.admin.getPolicy(w.ctx, w.bucket)
			if err != nil {
				t.Fatal(err)
			}
			res, err := w.admin.Adopt(w.ctx, w.bucket, srv.Host.Name, AdoptOptions{})
			if res == nil || res.Plan == nil || len(res.Plan.Found) == 0 {
				t.Fatalf("%+v, %v", res, err)
			}
			found := res.Plan.Found[len(res.Plan.Found)-1]
			if found.Fate != c.fate || !strings.Contains(found.Why, c.why) || found.Kind != AdoptPolicy || !strings.HasPrefix(found.Name, "statement 3") {
				t.Errorf("%+v", found)
			}
			if c.fate == AdoptRefused {
				if !errors.Is(err, ErrNotAdoptable) || !strings.Contains(err.Error(), "statement 3") {
					t.Errorf("%v", err)
				}
				if now, err := w.admin.getPolicy(w.ctx, w.bucket); err != nil || string(now) != string(before) {
					t.Errorf("%s became %s, %v", before, now, err)
				}
				if v, err := w.admin.getVersioning(w.ctx, w.bucket); err != nil || v != "" {
					t.Errorf("versioning %q, %v", v, err)
				}
				res, err = w.admin.Adopt(w.ctx, w.bucket, srv.Host.Name, AdoptOptions{Replace: true})
				if res == nil || res.Plan == nil {
					t.Fatalf("%+v, %v", res, err)
				}
				if found := res.Plan.Found[len(res.Plan.Found)-1]; found.Fate != AdoptDropped {
					t.Errorf("%+v", found)
				}
			}
			if err != nil || !res.Check.OK {
				t.Fatalf("%+v, %v", res, err)
			}
			now, err := w.admin.getPolicy(w.ctx, w.bucket)
			if err != nil {
				t.Fatal(err)
			}
			has := func() bool {
				all, err := canonical(now)
				one, err2 := canonical([]byte(`{"Statement":[` + statement + `]}`))
				if err := errors.Join(err, err2); err != nil {
					t.Fatal(err)
				}
				return slices.Contains(all, one[0])
			}()
			if has != (c.fate == AdoptKept) {
				t.Errorf("the statement is in the policy: %v: %s", has, now)
			}
			if res, err := w.admin.Adopt(w.ctx, w.bucket, srv.Host.Name, AdoptOptions{}); err != nil || len(res.Plan.Steps) > 0 {
				t.Errorf("the second time: %+v, %v", res, err)
			}
		})
	}
}

// A statement that asks for TLS stays, and the policy is in order with it. (A test
// server without TLS would refuse everybody.)
func TestAdoptKeepsTLSOnly(t *testing.T) {
	t.Parallel()
	f := goodConfig()
	text := strings.ReplaceAll(tlsOnly, "BUCKET", "b")
	f.policy = []byte(withKept(policyOf(t, f.policy), []json.RawMessage{json.RawMessage(text)}))
	if c := checkPolicy("b", f); !c.OK {
		t.Errorf("%q", c.Problems)
	}
	for old, bad := range map[string]string{`"false"`: `"true"`, "aws:SecureTransport": "aws:ViaAWSService", `"Deny"`: `"Allow"`, `"Bool"`: `"Null"`} {
		g := *f
		g.policy = []byte(strings.Replace(string(f.policy), old, bad, 1))
		if bytes.Equal(g.policy, f.policy) || checkPolicy("b", &g).OK {
			t.Errorf("%s for %s: OK", bad, old)
		}
	}
	a := &adoption{bucket: "b", user: "host", admin: aAdmin, target: aHost, who: []roles{{admin: aAdmin, target: aHost}}, config: f, plan: &AdoptPlan{}}
	a.judgePolicy()
	if got := fates(a.plan); got != "policy statement 1 kept\npolicy statement 2 kept\npolicy statement 3 (tls) kept" || len(a.kept) != 1 || string(a.kept[0]) != text || !a.policyIsSet() {
		t.Errorf("%s %q", got, a.kept)
	}
}

func policyOf(t *testing.T, text []byte) []policyStatement {
	t.Helper()
	var doc policyDocument
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Statement
}

// What the owner's rights do not reach, and what the server cannot do, is said before
// access is changed, with the way that is left: and that way works.
func TestAdoptNotInPlace(t *testing.T) {
	t.Parallel()
	w := newPlain(t, s3test.Dialect("rgw"))
	w.srv.SetClock(t, time.Now().Add(-time.Hour))
	w.plain(w.admin)
	w.policy(w.open()) // the lock needs versions, so versioning is turned on first
	before, err := w.admin.getPolicy(w.ctx, w.bucket)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.admin.Adopt(w.ctx, w.bucket, w.srv.Host.Name, AdoptOptions{Lock: &LockOptions{Days: 5}})
	var step *StepError
	if !errors.Is(err, ErrNoLock) || !errors.As(err, &step) || !slices.Equal(step.Done, []string{stepVersion}) ||
		!strings.Contains(err.Error(), "storage-restore-state "+w.bucket+" NEW --at '1m ago' --target-user "+w.srv.Host.Name+" --lock 5d") {
		t.Errorf("%v", err)
	}
	if now, err := w.admin.getPolicy(w.ctx, w.bucket); err != nil || string(now) != string(before) {
		t.Errorf("%s became %s, %v", before, now, err)
	}
	w.srv.SetClock(t, time.Now())
	copied := w.srv.Bucket(t)
	res, err := w.admin.Restore(w.ctx, RestoreOptions{
		Source: w.bucket, Target: copied, Moment: Moment{At: time.Now().Add(-time.Minute)}, TargetUser: w.srv.Host.Name, Lock: &LockOptions{Days: 5},
	})
	if err != nil || !res.Check.OK || res.Objects != 5 {
		t.Errorf("%+v, %v", res, err)
	}

	// A bucket of the host's own.
	w.plain(w.host)
	w.srv.ResetRequests(t)
	st := w.open()[0]
	if err := (&maker{s: w.host, bucket: w.bucket}).setPolicy(w.ctx, encodePolicy(st)); err != nil { // it lets the admin in
		t.Fatal(err)
	}
	w.srv.ResetRequests(t)
	r, err := w.admin.Adopt(w.ctx, w.bucket, w.srv.Host.Name, AdoptOptions{})
	if !errors.Is(err, ErrNotAdoptable) || !strings.Contains(err.Error(), "belongs to "+w.srv.Host.OwnerID()) || !strings.Contains(r.Plan.Instead, "storage-restore-state") {
		t.Errorf("%v", err)
	}
	if got := w.changes(); len(got) > 0 {
		t.Errorf("changed: %q", got)
	}
	// The host itself is no admin for itself.
	if _, err := w.host.Adopt(w.ctx, w.bucket, w.srv.Host.Name, AdoptOptions{}); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "another user") {
		t.Errorf("%v", err)
	}
	// No repository.
	w.plain(w.admin)
	del(t, w.admin, w.bucket, "config")
	if _, err := w.admin.Adopt(w.ctx, w.bucket, w.srv.Host.Name, AdoptOptions{}); !errors.Is(err, ErrNotAdoptable) || !strings.Contains(err.Error(), "no restic repository") {
		t.Errorf("%v", err)
	}
	// One at a prefix.
	for _, key := range []string{"config", "keys/k"} {
		put(t, w.admin, w.bucket, "hosts/one/"+key, "x")
	}
	dry, err := w.admin.Adopt(w.ctx, w.bucket, w.srv.Host.Name, AdoptOptions{DryRun: true})
	if err != nil || !slices.Equal(dry.Plan.Repositories, []string{"hosts/one/"}) {
		t.Errorf("%+v, %v", dry, err)
	}
}
