package s3state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// renewal is a locked bucket with a keeper and a clock that all share.
type renewal struct {
	*fakeRestic
	keeper *Store
	now    time.Time
	ledger string
}

func newRenewal(t *testing.T, opts ...s3test.Option) *renewal {
	return newRenewalOf(t, LockOptions{Days: 30}, opts...)
}

func newRenewalOf(t *testing.T, lock LockOptions, opts ...s3test.Option) *renewal {
	w, _, _ := newLocked(t, lock, opts...)
	r := &renewal{fakeRestic: &fakeRestic{world: w}, now: time.Now().Truncate(time.Second), ledger: filepath.Join(t.TempDir(), "ledger")}
	clock := WithClock(func() time.Time { return r.now })
	r.keeper, r.admin = w.store(w.srv.Host2, clock), w.store(w.srv.Admin, clock)
	w.srv.FreezeClock(t, r.now)
	r.put("config", strings.Repeat("c", 155))
	r.blob("keys", r.body("key"))
	return r
}

func (r *renewal) later(d time.Duration) {
	r.t.Helper()
	r.now = r.now.Add(d)
	r.srv.FreezeClock(r.t, r.now)
}

// work is fakeRestic's run, by this clock.
func (r *renewal) work(fn func()) {
	r.later(time.Hour)
	lock := r.blob("locks", r.body("lock"))
	fn()
	r.del(lock)
	r.later(time.Minute)
	r.save()
	r.later(time.Hour)
}

func (r *renewal) backUp() {
	r.work(func() {
		r.packs = append(r.packs, r.blob("data", r.body("pack")), r.blob("data", r.body("pack")))
		r.indexes = append(r.indexes, r.blob("index", r.body("index")))
		r.snapshots = append(r.snapshots, r.blob("snapshots", r.body("snapshot")))
	})
}

func (r *renewal) renew(opts RenewOptions) (*RenewResult, error) {
	r.t.Helper()
	l, err := OpenRenewLedger(r.ledger)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			r.t.Error(err)
		}
	}()
	opts.Ledger = l
	return r.keeper.Renew(r.ctx, r.bucket, opts)
}

func (r *renewal) mustRenew(opts RenewOptions) *RenewResult {
	r.t.Helper()
	res, err := r.renew(opts)
	if err != nil {
		r.t.Fatalf("renew: %v", err)
	}
	return res
}

// locks reads the locks of all versions.
func (r *renewal) locks() map[string]time.Time {
	r.t.Helper()
	got := map[string]time.Time{}
	for v, err := range r.admin.Versions(r.ctx, r.bucket, "") {
		if err != nil {
			r.t.Fatal(err)
		}
		if v.DeleteMarker {
			continue
		}
		has, err := getRetention(r.ctx, r.admin.s3, r.bucket, v.Key, v.VersionID)
		if err != nil {
			r.t.Fatal(err)
		}
		got[v.Key+"@"+v.VersionID] = has.locked(Compliance)
	}
	return got
}

func TestRenew(t *testing.T) {
	t.Parallel()
	r := newRenewal(t)
	r.backUp()
	r.backUp()
	const all = 2 + 8 + 1 // config and key, two runs of four, the newest state
	first := r.mustRenew(RenewOptions{})
	if first.Needed != all || first.Renewed != all || !first.Kept() || first.Frozen != "" || len(first.Problems) > 0 {
		t.Errorf("first: %+v", first)
	}
	want := whole(r.now).Add(40 * Day)
	if !first.Floor.Equal(want) {
		t.Errorf("floor %s, want %s", first.Floor, want)
	}
	if again := r.mustRenew(RenewOptions{}); again.Renewed != 0 || again.Known != all || again.Proved != all || !again.Kept() || !again.Floor.Equal(want) {
		t.Errorf("again: %+v", again)
	}
	// For G/2 days no version is renewed a second time; then all are.
	puts := 0
	for day := 1; day <= 6; day++ {
		r.later(Day)
		res := r.mustRenew(RenewOptions{})
		if !res.Kept() {
			t.Errorf("day %d: %+v", day, res)
		}
		puts += int(res.Renewed)
	}
	if puts != all {
		t.Errorf("%d renewals in 6 days, of %d versions", puts, all)
	}
	for id, until := range r.locks() {
		if TypeOf(strings.Split(id, "@")[0]) == TypePack && until.Before(r.now.Add(30*Day)) {
			t.Errorf("%s is locked until %s, it is %s", id, until, r.now)
		}
	}
}

// What nothing needs is not renewed: locks, old states, what was pruned, and what the
// one who knows the password does not need. Kept states need what they name, and the
// locks since.
func TestRenewOnlyWhatIsNeeded(t *testing.T) {
	t.Parallel()
	r := newRenewal(t)
	r.backUp()
	r.backUp()
	pruned := r.packs[0]
	r.work(func() {
		r.del(r.snapshots[0])
		index := r.blob("index", r.body("index"))
		for _, k := range r.indexes {
			r.del(k)
		}
		r.indexes = []string{index}
		r.del(pruned)
	})
	has := func(res *RenewResult, want int64) {
		t.Helper()
		if res.Needed != want || res.Frozen != "" {
			t.Errorf("needed %d, want %d: %+v", res.Needed, want, res)
		}
	}
	has(r.mustRenew(RenewOptions{}), 2+3+1+1+1) // packs, index, snapshot, state
	has(r.mustRenew(RenewOptions{Needed: func(key string) bool { return key != r.packs[1] }}), 7)
	for id, until := range r.locks() {
		if key, _, _ := strings.Cut(id, "@"); TypeOf(key) == TypeLock && !until.Before(whole(r.now).Add(40*Day)) {
			t.Errorf("renewed %s", key)
		}
	}
	// With states that are kept, the locks that explain what was deleted since, too.
	has(r.mustRenew(RenewOptions{KeepStates: 2}), 2+4+3+2+2+3)
	for id, until := range r.locks() {
		key, _, _ := strings.Cut(id, "@")
		if key == pruned && until.Before(r.now.Add(39*Day)) {
			t.Errorf("a kept state needs %s, locked until %s", key, until)
		}
		if TypeOf(key) == TypeLock && until.Before(whole(r.now).Add(40*Day)) {
			t.Errorf("not renewed: %s, until %s", key, until)
		}
	}
}

// After anything suspicious everything stays, deleted things too.
func TestRenewFreezes(t *testing.T) {
	t.Parallel()
	r := newRenewal(t)
	r.backUp()
	r.mustRenew(RenewOptions{})
	r.later(Day)
	r.del(r.packs[0]) // without any lock of restic's
	r.later(5 * Day)
	res := r.mustRenew(RenewOptions{})
	if res.Frozen == "" || !strings.Contains(res.Frozen, r.packs[0]) || !res.Kept() {
		t.Fatalf("%+v", res)
	}
	for id, until := range r.locks() {
		if until.Before(r.now.Add(30 * Day)) {
			t.Errorf("%s is locked until %s only", id, until)
		}
	}
}

// A record that claims more than there is, is found out.
func TestRenewDistrustsLedger(t *testing.T) {
	t.Parallel()
	r := newRenewal(t)
	r.backUp()
	r.mustRenew(RenewOptions{})
	text, err := os.ReadFile(r.ledger)
	if err != nil {
		t.Fatal(err)
	}
	r.later(9 * Day)
	was, now := fmt.Sprint(whole(r.now).Add(31*Day).Unix()), fmt.Sprint(r.now.Add(100*Day).Unix())
	forged := bytes.ReplaceAll(text, []byte(was), []byte(now))
	if bytes.Equal(forged, text) {
		t.Fatalf("%s is not in %s", was, text)
	}
	if err := os.WriteFile(r.ledger, forged, 0o600); err != nil {
		t.Fatal(err)
	}
	res := r.mustRenew(RenewOptions{})
	if res.Frozen == "" || len(res.Problems) != 1 || res.Known != 0 || !res.Kept() {
		t.Errorf("%+v", res)
	}
	// Damage is no reason to stop.
	if err := os.WriteFile(r.ledger, append([]byte("\x00\xffrubbish\nabc 12\n{\n"), forged[:len(forged)/2]...), 0o600); err != nil {
		t.Fatal(err)
	}
	if res := r.mustRenew(RenewOptions{All: true}); !res.Kept() {
		t.Errorf("%+v", res)
	}
}

// An attacker with the admin's keys shortens what is written from now on; the renewal
// keeps what was promised.
func TestRenewKeepsThePromise(t *testing.T) {
	t.Parallel()
	r := newRenewal(t)
	r.backUp()
	r.mustRenew(RenewOptions{})
	if err := r.admin.putDefaultRetention(r.ctx, r.bucket, Compliance, 1); err != nil {
		t.Fatal(err)
	}
	if err := r.admin.putRules(r.ctx, r.bucket, nil, 1); err != nil {
		t.Fatal(err)
	}
	r.backUp()
	res := r.mustRenew(RenewOptions{})
	if res.Days != 30 || res.RetainDays != 40 || res.Frozen == "" || !res.Kept() || len(res.Problems) < 2 {
		t.Errorf("%+v", res)
	}
	for id, until := range r.locks() {
		if until.Before(r.now.Add(30 * Day)) {
			t.Errorf("%s is locked until %s only", id, until)
		}
	}
	// The admin's own decision is taken.
	if res := r.mustRenew(RenewOptions{Lock: &LockOptions{Days: 5}, Suspicious: nothing}); res.Days != 5 || res.RetainDays != 7 {
		t.Errorf("%+v", res)
	}
}

func nothing(context.Context) (string, error) { return "", nil }

// A run that fails half-way says for which versions, and the next one does the rest.
func TestRenewResumes(t *testing.T) {
	t.Parallel()
	r := newRenewal(t)
	r.backUp()
	r.backUp()
	bad := r.packs[1]
	r.srv.Inject(t, s3test.Fault{Method: "PUT", Path: bad + `\?.*retention`, Kind: s3test.Status, Status: 403, Code: "AccessDenied"})
	res, err := r.renew(RenewOptions{Suspicious: nothing})
	var batch *BatchError
	if !errors.As(err, &batch) || batch.Total != 1 || batch.Failed[0].Key != bad || batch.Next == "" {
		t.Fatalf("%v", err)
	}
	if res.Failed != 1 || res.Renewed != res.Needed-1 || res.Floor.IsZero() {
		t.Errorf("%+v", res)
	}
	if _, err := r.keeper.Renew(canceled(r.ctx), r.bucket, RenewOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	r.srv.ClearFaults(t)
	if res := r.mustRenew(RenewOptions{Suspicious: nothing}); res.Renewed != 1 || res.Known != res.Needed-1 || !res.Kept() {
		t.Errorf("%+v", res)
	}
}

func canceled(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}

// A lock longer than asked for is not an error, and what is younger than a minute
// is left alone.
func TestRenewLongerAndYoung(t *testing.T) {
	t.Parallel()
	r := newRenewal(t)
	r.backUp()
	r.later(time.Hour)
	young := r.blob("data", r.body("pack"))
	var long string
	for id := range r.locks() {
		if key, version, _ := strings.Cut(id, "@"); key == r.packs[0] {
			long = key
			err := putRetention(r.ctx, r.admin.s3, r.bucket, key, version, retention{mode: Compliance, until: r.now.Add(3000 * Day)}, false)
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	res := r.mustRenew(RenewOptions{})
	if res.Longer != 1 || res.Young != 1 || res.Failed != 0 || !res.Kept() {
		t.Errorf("%+v (%s longer, %s young)", res, long, young)
	}
}

// In a bucket that was just made nothing has to be renewed yet, and nothing failed.
func TestRenewKept(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		res  RenewResult
		kept bool
	}{
		{RenewResult{Needed: 7, Young: 7}, true},
		{RenewResult{Needed: 7, Young: 6}, false}, // one has no lock: no floor
		{RenewResult{Needed: 7, Young: 7, Failed: 1}, false},
		{RenewResult{Needed: 7, Young: 6, Floor: now.Add(31 * Day)}, true},
		{RenewResult{Needed: 7, Floor: now.Add(29 * Day)}, false},
	} {
		c.res.Days, c.res.Time = 30, now
		if got := c.res.Kept(); got != c.kept {
			t.Errorf("%+v: %v", c.res, got)
		}
	}
}

func TestRenewUnlocked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.admin.Renew(w.ctx, w.bucket, RenewOptions{}); !errors.Is(err, ErrNotLocked) {
		t.Errorf("%v", err)
	}
	if _, err := w.admin.Renew(w.ctx, "no-such-bucket", RenewOptions{}); !errors.Is(err, ErrNoBucket) {
		t.Errorf("%v", err)
	}
}

// Of many packs a sample is proved.
func TestRenewSamples(t *testing.T) {
	t.Parallel()
	r := newRenewal(t)
	for range 600 {
		r.blob("data", r.body("pack"))
	}
	r.later(time.Hour)
	r.mustRenew(RenewOptions{})
	var heads, puts atomic.Int64
	r.keeper = r.storeVia(r.srv.Host2, roundTripper(func(req *http.Request) (*http.Response, error) {
		switch {
		case req.Method == http.MethodHead && strings.Contains(req.URL.RawQuery, "versionId"):
			heads.Add(1)
		case req.Method == http.MethodPut:
			puts.Add(1)
		}
		return http.DefaultTransport.RoundTrip(req)
	}), WithClock(func() time.Time { return r.now }))
	res := r.mustRenew(RenewOptions{Suspicious: nothing})
	if !res.Sampled || res.Proved != sampledPacks+2 || heads.Load() != sampledPacks+2 || puts.Load() != 0 {
		t.Errorf("%d HEADs, %d PUTs, %+v", heads.Load(), puts.Load(), res)
	}
	if res := r.mustRenew(RenewOptions{Suspicious: nothing, All: true}); res.Sampled || res.Proved != 602 {
		t.Errorf("%+v", res)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
