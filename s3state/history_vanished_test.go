package s3state

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/s3versions"
)

// before is a store of the admin's that calls do, once, before the first request that
// is meant.
func (r *fakeRestic) before(meant func(*http.Request) bool, do func()) (s *Store, done func() bool) {
	var once sync.Once
	called := false
	return r.storeVia(r.srv.Admin, roundTripper(func(req *http.Request) (*http.Response, error) {
		if meant(req) {
			once.Do(func() { called = true; do() })
		}
		return http.DefaultTransport.RoundTrip(req)
	})), func() bool { return called }
}

func reads(key string) func(*http.Request) bool {
	return func(req *http.Request) bool {
		return req.Method == http.MethodGet && strings.HasSuffix(req.URL.Path, key) && req.URL.Query().Has("versionId")
	}
}

func listsOf(prefix string) func(*http.Request) bool {
	return func(req *http.Request) bool {
		q := req.URL.Query()
		return q.Has("versions") && q.Get("prefix") == prefix
	}
}

// setRule has the bucket's own rule remove what is not current after some days.
func (r *fakeRestic) setRule(days int) {
	r.t.Helper()
	_, err := r.admin.s3.Call(r.ctx, s3versions.Request{
		Method: http.MethodPut, Bucket: r.bucket, Query: url.Values{"lifecycle": {""}},
		Body: fmt.Appendf(nil, `<LifecycleConfiguration><Rule><ID>x</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status>`+
			`<NoncurrentVersionExpiration><NoncurrentDays>%d</NoncurrentDays></NoncurrentVersionExpiration></Rule>`+
			`<Rule><ID>y</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration></Rule></LifecycleConfiguration>`, days),
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// A lifecycle rule removes, at midnight, what a history, a check or a drop has listed
// and not read yet. It is as if they had been later: what the rule removes together is
// no doubt.
func TestWhatVanishesWhileItIsRead(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(r *fakeRestic) (key string) // that is read late
		meet func(key string) func(*http.Request) bool
	}{
		{"a lock that is read late", pruned, reads},
		{"a lock that is listed late", pruned, func(string) func(*http.Request) bool { return listsOf(lockPrefix) }},
		{"a snapshot", func(r *fakeRestic) string {
			key := r.snapshots[0]
			pruned(r)
			return key
		}, reads},
		{"a key", func(r *fakeRestic) string {
			gone := r.blob("keys", r.body("key"))
			r.blob("keys", r.body("key"))
			r.run(func() { r.del(gone) })
			return gone
		}, reads},
		{"what was overwritten, and put right", func(r *fakeRestic) string {
			body := r.body("index")
			index := r.blob("index", body)
			r.run(func() { r.put(index, strings.Repeat("rubbish", 20)) })
			r.run(func() { r.put(index, body) })
			return index
		}, reads},
	} {
		for name, look := range map[string]func(s *Store, r *fakeRestic) (marks int, err error){
			"history": func(s *Store, r *fakeRestic) (int, error) {
				h, err := s.History(r.ctx, r.bucket, HistoryOptions{})
				if err != nil {
					return 0, err
				}
				if h.LastGoodState == nil || h.LastGoodState.Key != r.lastState().Key || h.Unread != 0 {
					t.Errorf("good %+v, unread %d", h.LastGoodState, h.Unread)
				}
				return h.Total, nil
			},
			"drop": func(s *Store, r *fakeRestic) (int, error) {
				res, err := s.DropVersions(r.ctx, r.bucket, DropOptions{RequireComplete: true, Confirm: yes, DryRun: true})
				if res == nil || res.Check == nil {
					return 0, err
				}
				return res.Check.Suspicious, err
			},
		} {
			t.Run(c.name+", "+name, func(t *testing.T) {
				r := newFakeRestic(t)
				if !r.srv.Controlled() {
					harness.NotOnThisServer(t, "it runs its lifecycle rules by itself")
				}
				r.backup()
				r.backup()
				r.backup()
				key := c.make(r)
				r.srv.AdvanceClock(t, 35*Day)
				r.backup()
				r.setRule(30)
				s, done := r.before(c.meet(key), func() { r.srv.RunLifecycle(t) })
				if marks, err := look(s, r); err != nil || marks != 0 {
					t.Errorf("%v, %d marks", err, marks)
				}
				if !done() || slices.ContainsFunc(r.entries(key), func(v Version) bool { return !v.IsLatest }) {
					t.Error("it was not removed while it was read")
				}
			})
		}
	}
}

// entries are those of a key.
func (r *fakeRestic) entries(key string) (all []Version) {
	r.t.Helper()
	for v, err := range r.admin.Versions(r.ctx, r.bucket, key) {
		if err != nil {
			r.t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

// The same of what a check reads: another host prunes, and the admin drops what that
// left.
func TestWhatVanishesWhileItIsChecked(t *testing.T) {
	for _, percent := range []float64{0, 100} {
		r := newFakeRestic(t)
		r.backup()
		key := r.packs[0]
		if percent == 0 { // only what was written more than once is read
			r.put(key, contents(t, r.admin, r.bucket)[key])
		}
		r.backup()
		s, done := r.before(reads(key), func() {
			r.forgetAndPrune()
			if _, err := r.admin.DropVersions(r.ctx, r.bucket, DropOptions{}); err != nil {
				t.Error(err)
			}
		})
		c, err := s.CheckStorage(r.ctx, r.bucket, CheckStorageOptions{ReadPercent: percent})
		if err != nil || c.Total != 0 || !done() || len(r.entries(key)) != 0 {
			t.Errorf("%v %+v", err, c)
		}
	}
}

// pruned forgets and prunes, and returns the lock.
func pruned(r *fakeRestic) string {
	r.forgetAndPrune()
	return r.lock
}

// What the listing still names and the server does not return stays a doubt, and costs
// no further look. So does an attack that its attacker hides while it is read: no host
// can remove a version.
func TestAttackersMakeNothingVanish(t *testing.T) {
	for _, code := range []string{"NoSuchKey", "NoSuchVersion"} {
		r := newFakeRestic(t)
		r.backup()
		r.backup()
		r.forgetAndPrune()
		r.srv.Inject(t, s3test.Fault{Method: http.MethodGet, Path: r.lock, Kind: s3test.Status, Status: 404, Code: code})
		whole := 0
		s := r.storeVia(r.srv.Admin, roundTripper(func(req *http.Request) (*http.Response, error) {
			if listsOf("")(req) {
				whole++
			}
			return http.DefaultTransport.RoundTrip(req)
		}))
		h, err := s.History(r.ctx, r.bucket, HistoryOptions{NoVerify: true})
		if err != nil || h.Total == 0 || h.Unread != 1 || whole != 1 {
			t.Errorf("%s: %v, %d listings, %d unread, %+v", code, err, whole, h.Unread, h.Suspicions)
		}
		if _, err := s.DropVersions(r.ctx, r.bucket, DropOptions{RequireComplete: true, Confirm: yes}); !errors.Is(err, ErrUnconfirmed) {
			t.Errorf("%s: drop: %v", code, err)
		}
		r.srv.ClearFaults(t)
	}
	for name, hide := range map[string]func(r *fakeRestic, key string){
		"deletes":    func(r *fakeRestic, key string) { r.del(key) },
		"overwrites": func(r *fakeRestic, key string) { r.put(key, r.lockBody) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newFakeRestic(t)
			r.backup()
			good := r.backup()
			r.srv.AdvanceClock(t, time.Hour)
			lock := "locks/" + strings.Repeat("0", 64)
			r.put(lock, strings.Repeat("l", 100)) // no lock of restic's
			r.del(r.packs[0])
			r.backup()
			s, done := r.before(reads(lock), func() { hide(r, lock) })
			h, err := s.History(r.ctx, r.bucket, HistoryOptions{})
			if err != nil || h.Total == 0 || h.LastGoodState == nil || h.LastGoodState.Key != good.Key || !done() {
				t.Errorf("%v %+v", err, h)
			}
			s, done = r.before(listsOf(lockPrefix), func() { hide(r, lock) })
			if h, err = s.History(r.ctx, r.bucket, HistoryOptions{}); err != nil || h.Total == 0 || h.LastGoodState.Key != good.Key || !done() {
				t.Errorf("between the listings: %v %+v", err, h)
			}
		})
	}
}
