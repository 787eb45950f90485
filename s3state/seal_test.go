package s3state

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/signer"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// newSealed is a world whose host is sealed, with Host2 as the keeper.
func newSealed(t *testing.T, opts ...s3test.Option) *world {
	t.Helper()
	w := &world{t: t, ctx: t.Context(), srv: s3test.Start(t, opts...)}
	w.admin, w.host = w.store(w.srv.Admin), w.store(w.srv.Host)
	w.bucket = w.srv.Bucket(t)
	res, err := w.admin.Create(w.ctx, w.bucket, w.srv.Host.Name, CreateOptions{Sealed: true, Keeper: w.srv.Host2.Name})
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	if !res.Check.OK || !res.Check.Sealed || !res.Check.UnsealedUntil.IsZero() {
		t.Fatalf("created: %+v", res.Check)
	}
	return w
}

// sealDialects are those that take the policy of storage-create.
var sealDialects = []string{"aws", "rgw", "rgw18", "rgw20"}

func TestSeal(t *testing.T) {
	t.Parallel()
	for _, dialect := range sealDialects {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			w := newSealed(t, s3test.Dialect(dialect))
			reads := func(s *Store, key string) bool {
				refused, err := refusal(s.get(w.ctx, w.bucket, key))
				if err != nil {
					t.Fatalf("%s: %v", key, err)
				}
				return !refused
			}
			for _, key := range []string{"data/00/x", "some/data/00/x", "some/where/data/00/x", "a/b/c/d/data/00/x", "index/x"} {
				w.put(key, "x")
				if got, want := reads(w.host, key), key == "index/x"; got != want {
					t.Errorf("the host reads %s: %v", key, got)
				}
				if !reads(w.store(w.srv.Host2), key) || !reads(w.admin, key) {
					t.Errorf("the keeper or the admin does not read %s", key)
				}
			}
			w.del("data/00/x") // it may still delete by name
			w.put("data/00/x", "y")

			res, err := w.admin.Unseal(w.ctx, w.bucket, UnsealOptions{For: time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			if d := time.Until(res.UnsealedUntil); d > time.Hour+2*time.Second || d < 59*time.Minute || res.Check.SealState(time.Now()) != Unsealed || !res.Check.OK {
				t.Errorf("%s %+v", d, res.Check)
			}
			if !reads(w.host, "data/00/x") {
				t.Error("the unsealed host does not read")
			}
			// The server seals it by itself, and the policy is still in order.
			w.srv.AdvanceClock(t, 61*time.Minute)
			if reads(w.host, "data/00/x") {
				t.Error("the host reads after its time")
			}
			if c, err := w.host.CheckPolicy(w.ctx, w.bucket); err != nil || !c.OK || c.SealState(res.UnsealedUntil) != Sealed {
				t.Errorf("%+v, %v", c, err)
			}
			if _, err := w.admin.Unseal(w.ctx, w.bucket, UnsealOptions{For: time.Hour}); err != nil {
				t.Fatal(err)
			}
			if !reads(w.host, "data/00/x") {
				t.Error("the host, unsealed again, does not read")
			}
			if res, err = w.admin.Seal(w.ctx, w.bucket, SealOptions{}); err != nil || !res.UnsealedUntil.IsZero() || !res.Check.Sealed {
				t.Errorf("%+v, %v", res, err)
			}
			if reads(w.host, "data/00/x") {
				t.Error("the host reads after it was sealed early")
			}
			for _, v := range dump(t, w.admin, w.bucket) {
				if strings.Contains(v, canaryPrefix+trial) && strings.Contains(v, "latest=true marker=false") {
					t.Errorf("left behind: %s", v)
				}
			}
		})
	}
}

// What is in a policy besides the seal is left as it is, and what cannot be sealed is
// refused before anything is changed.
func TestSealLeavesTheRest(t *testing.T) {
	t.Parallel()
	w, _, _ := newLocked(t, LockOptions{Days: 3, Mode: Governance}, s3test.Dialect("rgw20"))
	before, err := w.admin.getPolicy(w.ctx, w.bucket)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := w.admin.Seal(w.ctx, w.bucket, SealOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	after, err := w.admin.getPolicy(w.ctx, w.bucket)
	if err != nil {
		t.Fatal(err)
	}
	statements := func(text []byte) (all []string) {
		var doc struct{ Statement []json.RawMessage }
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		for _, s := range doc.Statement {
			all = append(all, string(s))
		}
		return all
	}
	was, is := statements(before), statements(after)
	if len(is) != len(was)+1 || !slices.Equal(is[:len(was)], was) {
		t.Errorf("%q became %q", was, is)
	}
	// Locking it keeps the seal.
	if _, err := w.admin.LockBucket(w.ctx, w.bucket, LockBucketOptions{Lock: LockOptions{Days: 4, Mode: Governance}}); err != nil {
		t.Fatal(err)
	}
	if c, err := w.admin.CheckPolicy(w.ctx, w.bucket); err != nil || !c.OK || !c.Sealed {
		t.Errorf("locked again: %+v, %v", c, err)
	}

	for name, try := range map[string]func() error{
		"by the host":   func() error { _, err := w.host.Seal(w.ctx, w.bucket, SealOptions{}); return err },
		"for no time":   func() error { _, err := w.admin.Unseal(w.ctx, w.bucket, UnsealOptions{}); return err },
		"for too long":  func() error { _, err := w.admin.Unseal(w.ctx, w.bucket, UnsealOptions{For: 31 * Day}); return err },
		"by the host 2": func() error { _, err := w.host.Unseal(w.ctx, w.bucket, UnsealOptions{For: time.Hour}); return err },
	} {
		if err := try(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	open := newWorld(t)
	if _, err := open.admin.Unseal(w.ctx, open.bucket, UnsealOptions{For: time.Hour}); !errors.Is(err, ErrInvalid) {
		t.Errorf("a bucket that is not sealed: %v", err)
	}
	if err := open.admin.client.SetBucketPolicy(w.ctx, open.bucket, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := open.admin.Seal(w.ctx, open.bucket, SealOptions{}); !errors.Is(err, ErrPolicy) {
		t.Errorf("a bucket without a policy: %v", err)
	}
}

// editor changes the policies that are sent, as another server would understand them.
type editor struct {
	id    s3test.Identity
	edit  func(string) string
	edits atomic.Int32
}

func (e *editor) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodPut && req.URL.Query().Has("policy") {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		text := e.edit(string(body))
		if text != string(body) {
			e.edits.Add(1)
			sum := sha256.Sum256([]byte(text))
			md := md5.Sum([]byte(text))
			req.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
			if req.Header.Get("Content-Md5") != "" {
				req.Header.Set("Content-Md5", base64.StdEncoding.EncodeToString(md[:]))
			}
			req.ContentLength = int64(len(text))
			req.Header.Del("Authorization")
			req = signer.SignV4(*req, e.id.AccessKey, e.id.SecretKey, "", "us-east-1")
		}
		req.Body = io.NopCloser(strings.NewReader(text))
	}
	return http.DefaultTransport.RoundTrip(req)
}

// Where a statement would not end, or not begin, the host stays sealed.
func TestUnsealNeedsATimeThatEnds(t *testing.T) {
	t.Parallel()
	for name, was := range map[string]struct{ from, to string }{
		"the key has no value": {"aws:CurrentTime", "aws:MultiFactorAuthAge"},
		"it is never applied":  {"DateGreaterThan", "DateLessThan"},
		"it is always applied": {"DateGreaterThan", "DateGreaterThanIfExists"},
		"it is not known":      {"DateGreaterThan", "DateIsLater"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newSealed(t)
			w.put("data/00/x", "x")
			e := &editor{id: w.srv.Admin, edit: func(text string) string {
				text = strings.ReplaceAll(text, was.from, was.to)
				if name == "it is always applied" {
					text = strings.ReplaceAll(text, "aws:CurrentTime", "aws:MultiFactorAuthAge")
				}
				return text
			}}
			w.admin = w.storeVia(w.srv.Admin, e)
			w.admin.trialWait = time.Second
			_, err := w.admin.Unseal(w.ctx, w.bucket, UnsealOptions{For: time.Hour})
			if !errors.Is(err, ErrNoTimeCondition) || e.edits.Load() == 0 {
				t.Errorf("%v after %d edits", err, e.edits.Load())
			}
			if refused, err := refusal(w.host.get(w.ctx, w.bucket, "data/00/x")); err != nil || !refused {
				t.Errorf("the host reads: %v", err)
			}
			c, err := w.host.CheckPolicy(w.ctx, w.bucket)
			if err != nil || !c.OK || c.SealState(time.Now()) != Sealed {
				t.Errorf("%+v, %v", c, err)
			}
		})
	}
}

func TestCheckSealedPolicy(t *testing.T) {
	until := time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC)
	sealed := func(s seal) *bucketConfig {
		f := goodConfig()
		f.policy = []byte(rolesPolicy{bucket: "b", admin: aAdmin, target: aHost, seal: s}.String())
		return f
	}
	for _, s := range []seal{{on: true}, {on: true, attributes: true}, {on: true, until: until}} {
		c := checkPolicy("b", sealed(s))
		if !c.OK || !c.Sealed || !c.UnsealedUntil.Equal(s.until) {
			t.Errorf("%+v: %+v", s, c)
		}
		if got := c.SealState(until.Add(-time.Second)); got != map[bool]SealState{true: Sealed, false: Unsealed}[s.until.IsZero()] {
			t.Errorf("%+v: before, it is %q", s, got)
		}
		if got := c.SealState(until); got != Sealed {
			t.Errorf("%+v: after, it is %q", s, got)
		}
	}
	f := sealed(seal{on: true})
	f.policy = []byte(strings.Replace(string(f.policy), `,"arn:aws:s3:::b/*/data/*"`, "", 1))
	if c := checkPolicy("b", f); !c.OK || !c.Sealed {
		t.Errorf("a seal of data/* alone: %+v", c)
	}
	for name, edit := range map[string][2]string{
		"versions are open":     {`"Action":["s3:GetObject","s3:GetObjectVersion"]`, `"Action":["s3:GetObject"]`},
		"it denies writing":     {`"Action":["s3:GetObject","s3:GetObjectVersion"]`, `"Action":["s3:GetObject","s3:GetObjectVersion","s3:PutObject"]`},
		"only at a prefix":      {`"arn:aws:s3:::b/data/*",`, ``},
		"of another principal":  {`"Effect":"Deny","Principal":{"AWS":["` + aHost, `"Effect":"Deny","Principal":{"AWS":["` + aHost + "2"},
		"the other way round":   {dateGreater, "DateLessThan"},
		"by another clock":      {currentTime, "aws:EpochTime"},
		"with two conditions":   {`"Condition":{`, `"Condition":{"Bool":{"aws:SecureTransport":"true"},`},
		"at no time":            {"2026-11-28T10:00:00Z", "tomorrow"},
		"with another element":  {`"Effect":"Deny"`, `"NotAction":[],"Effect":"Deny"`},
		"a condition elsewhere": {`"Effect":"Allow"`, `"Condition":{"DateGreaterThan":{"aws:CurrentTime":"2026-11-28T10:00:00Z"}},"Effect":"Allow"`},
	} {
		f := sealed(seal{on: true, until: until})
		text := strings.Replace(string(f.policy), edit[0], edit[1], 1)
		if text == string(f.policy) {
			t.Errorf("%s: not in %s", name, text)
		}
		f.policy = []byte(text)
		if c := checkPolicy("b", f); c.OK {
			t.Errorf("%s: OK", name)
		}
	}
}

// A restore keeps the seal.
func TestRestoreOfASealedBucket(t *testing.T) {
	t.Parallel()
	w := newSealed(t)
	w.put("data/00/x", "x")
	st := w.save()
	target := w.srv.Bucket(t)
	res, err := w.admin.Restore(w.ctx, RestoreOptions{Source: w.bucket, Target: target, Moment: Moment{StateKey: st.Key, StateVersion: st.VersionID}})
	if err != nil || !res.Check.OK || !res.Check.Sealed {
		t.Fatalf("%+v, %v", res, err)
	}
	if _, err := w.host.client.StatObject(w.ctx, target, "data/00/x", minio.StatObjectOptions{}); err == nil {
		t.Error("the host reads the restored bucket")
	}
}
