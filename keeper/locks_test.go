package keeper_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/keeper"
	"github.com/cesnet/rwm/s3state"
)

// lockedWorld has one locked bucket, seen with the keeper's keys. storage is more of its
// configuration.
func lockedWorld(t *testing.T, lock *s3state.LockOptions, storage string) *world {
	t.Helper()
	w := newWorld(t)
	// restic's locks have real time, and one from another day explains no deletion.
	w.set(time.Now().Add(-20 * day).Truncate(time.Second))
	bucket := w.Bucket(t)
	_, err := w.adminStore().Create(t.Context(), bucket, w.Host.Name, s3state.CreateOptions{Lock: lock, Keeper: w.Host2.Name})
	if err != nil {
		t.Fatal(err)
	}
	w.parse(fmt.Sprintf(`state_dir: %s
admin_config: admin.conf
storages:
  web1: {s3_endpoint_url: %s, s3_access_key: %s, s3_secret_key: %s, restic_bucket: %s, restic_password: pw-web1, expect_backup_within: off%s}
`, filepath.Join(w.dir, "state"), w.URL, w.Host2.AccessKey, w.Host2.SecretKey, bucket, storage))
	session, err := w.host("web1").InitRepository(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	must(t, session.Close())
	w.write("web1", "docs/1.txt", prose(1, 2000))
	w.backup("web1")
	w.advance(time.Hour)
	return w
}

func (w *world) adminStore() *s3state.Store {
	return s3state.New(w.Client(w.t, w.Admin), s3state.WithClock(w.clock))
}

func (w *world) bucket() string { return w.cfg.Storages["web1"].ResticBucket }

func (w *world) one() *keeper.Status {
	w.t.Helper()
	return w.pass().Storages[0]
}

// ledger is the file with the record of renewals.
func (w *world) ledger() string {
	w.t.Helper()
	files, err := filepath.Glob(filepath.Join(w.dir, "state", "renewals", "*"))
	if err != nil || len(files) != 1 {
		w.t.Fatalf("%q %v", files, err)
	}
	return files[0]
}

func (w *world) promised() int {
	w.t.Helper()
	p, _, err := s3state.ReadRenewLedger(w.ledger())
	if err != nil {
		w.t.Fatal(err)
	}
	return p.Days
}

// A reason that comes after another one of its kind was acknowledged is told, also if
// no pass has seen the storage in between.
func TestNextReasonIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "web1")
	w.backup("web1")
	w.advance(time.Hour)
	w.pass()
	client := w.Client(t, w.Host)
	remove := func() {
		t.Helper()
		for o := range client.ListObjectsIter(t.Context(), w.bucket(), minio.ListObjectsOptions{Prefix: "data/", Recursive: true}) {
			must(t, client.RemoveObject(t.Context(), w.bucket(), o.Key, minio.RemoveObjectOptions{}))
			w.advance(time.Hour)
			return
		}
		t.Fatal("no pack is left")
	}
	told := func() (n int) {
		for _, c := range w.told {
			if slices.ContainsFunc(c.Reds, func(r keeper.Red) bool { return r.Code == "history" }) {
				n++
			}
		}
		return n
	}
	remove()
	w.pass()
	if told() != 1 {
		t.Fatalf("told %+v", w.told)
	}
	w.pass() // no news
	must(t, w.keeper().Acknowledge("web1", "history", "ann", ""))
	remove()
	if s := w.one(); s.Green || told() != 2 {
		t.Errorf("green %t, told %d times: %+v", s.Green, told(), w.told)
	}
}

// Without the check of the policy nothing else asks whether a bucket is locked: its
// locks are renewed all the same, and what cannot be is red.
func TestRenewWithoutPolicy(t *testing.T) {
	t.Parallel()
	w := lockedWorld(t, &s3state.LockOptions{Days: 30}, ", policy: off")
	s := w.one()
	if renew := task(t, s, keeper.TaskRenew); renew.Outcome != keeper.Proved || !s.Locked || s.Floor.IsZero() {
		t.Errorf("%+v, floor %s, %v", renew, s.Floor, s.Reds)
	}
	green(t, w.pass())
	w.Inject(t, s3test.Fault{Method: "PUT", Path: `\?.*retention`, Kind: s3test.Status, Status: 403, Code: "AccessDenied"})
	w.advance(9 * day)
	if s := w.one(); !slices.Contains(codes(s), "renew") {
		t.Errorf("red for %v", codes(s))
	}
	// One that is not locked has nothing to renew.
	w = newWorld(t, "web1")
	w.cfg.Storages["web1"].Policy = keeper.Never()
	w.backup("web1")
	w.advance(time.Hour)
	green(t, w.pass())
}

// A lock that keeps moments for less than is to be restorable is red from the first
// pass on, not once a drill fails.
func TestPromiseBeyondTheLock(t *testing.T) {
	t.Parallel()
	w := lockedWorld(t, &s3state.LockOptions{Days: 14}, "")
	s := w.one()
	i := slices.IndexFunc(s.Reds, func(r keeper.Red) bool { return r.Code == "promise" })
	if i < 0 || !strings.Contains(s.Reds[i].Sentence, "14d only") || s.Reds[i].Command != "rwm --config admin.conf storage-lock "+w.bucket()+" --lock 30d" {
		t.Fatalf("%+v", s.Reds)
	}
	w.cfg.Storages["web1"].Promise = keeper.Span(14 * day)
	green(t, w.pass())
}

// The admin shortens the lock on another machine. The keeper keeps what was promised,
// and everything, until a person has said that it is so; then it keeps the new promise,
// if that is as long as its configuration asks for.
func TestShorterLockIsTakenOver(t *testing.T) {
	t.Parallel()
	w := lockedWorld(t, &s3state.LockOptions{Days: 60}, ", promise: 20d")
	green(t, w.pass())
	if w.promised() != 60 {
		t.Fatalf("%d", w.promised())
	}
	shorten := func(days int) {
		t.Helper()
		if _, err := w.adminStore().LockBucket(t.Context(), w.bucket(), s3state.LockBucketOptions{Lock: s3state.LockOptions{Days: days}}); err != nil {
			t.Fatal(err)
		}
		w.advance(day)
	}
	shorten(30)
	if s := w.one(); !slices.Contains(codes(s), "settings") || w.promised() != 60 {
		t.Errorf("red for %v, %d days", codes(s), w.promised())
	}
	must(t, w.keeper().Acknowledge("web1", "settings", "ann", "space"))
	w.advance(day)
	green(t, w.pass())
	if w.promised() != 30 {
		t.Errorf("%d days are kept", w.promised())
	}
	// Shorter than asked for: red, and the former promise is kept, whatever was
	// acknowledged.
	shorten(10)
	w.pass()
	must(t, w.keeper().Acknowledge("web1", "settings", "ann", ""))
	for range 2 {
		w.advance(day)
		s := w.one()
		if !slices.Contains(codes(s), "promise") || !slices.Contains(codes(s), "renew") || w.promised() != 30 || s.Floor.Before(w.clock().Add(30*day)) {
			t.Errorf("red for %v, %d days, floor %s", codes(s), w.promised(), s.Floor)
		}
	}
	w.cfg.Storages["web1"].Promise = keeper.Span(10 * day)
	green(t, w.pass())
	if w.promised() != 10 {
		t.Errorf("%d days are kept", w.promised())
	}
}

// Locks that are shorter than the keeper has made them are red until a person has
// looked, and everything stays until then, although all is locked again.
func TestShortenedLocksAreTold(t *testing.T) {
	t.Parallel()
	w := lockedWorld(t, &s3state.LockOptions{Days: 30}, "")
	green(t, w.pass())
	text, err := os.ReadFile(w.ledger())
	must(t, err)
	later := regexp.MustCompile(`(?m)^([0-9a-f]{32}) ([0-9]+)$`).ReplaceAllStringFunc(string(text), func(line string) string {
		id, until, _ := strings.Cut(line, " ")
		n, _ := strconv.ParseInt(until, 10, 64)
		return fmt.Sprint(id, " ", n+int64(20*day/time.Second))
	})
	if later == string(text) {
		t.Fatalf("no renewal in %s", text)
	}
	must(t, os.WriteFile(w.ledger(), []byte(later), 0o600))
	for range 3 {
		w.advance(day)
		s := w.one()
		i := slices.IndexFunc(s.Reds, func(r keeper.Red) bool { return r.Code == "settings" })
		if i < 0 || !strings.Contains(s.Reds[i].Sentence, "not locked for as long as") || !s.Frozen {
			t.Fatalf("%+v", s.Reds)
		}
	}
	if n := len(w.told); n != 1 {
		t.Errorf("told %d times: %+v", n, w.told)
	}
	must(t, w.keeper().Acknowledge("web1", "settings", "ann", ""))
	green(t, w.pass())
}

// An attacker on the host makes so much to judge that each pass spends its budget on it.
// The locks are renewed all the same.
func TestRenewalHasABudgetOfItsOwn(t *testing.T) {
	t.Parallel()
	w := lockedWorld(t, &s3state.LockOptions{Days: 30}, "")
	unlimited := w.cfg.Storages["web1"].Budget
	for i := range 15 {
		w.write("web1", "docs/1.txt", prose(i, 3000))
		w.backup("web1")
		if i%3 == 2 {
			w.advance(day)
			w.cfg.Storages["web1"].Budget = unlimited
			report := w.pass()
			green(t, report)
			w.cfg.Storages["web1"].Budget.Requests = task(t, report.Storages[0], keeper.TaskHistory).Requests * 3 / 4
		}
	}
	for i := range 3 {
		w.write("web1", "docs/2.txt", prose(i, 3000))
		w.backup("web1")
		w.advance(day)
		before := w.clock()
		s := w.one()
		if h := task(t, s, keeper.TaskHistory); h.Outcome != keeper.NotProved || !strings.Contains(h.Text, "budget") {
			t.Fatalf("the budget was enough, so nothing was tested: %+v", h)
		}
		if r := task(t, s, keeper.TaskRenew); r.Outcome != keeper.Proved || r.Proved.Before(before) || s.Floor.Before(before.Add(30*day)) {
			t.Errorf("%+v, floor %s", r, s.Floor)
		}
	}
	// Even to find out whether the repository lacks anything takes more than that.
	w.cfg.Storages["web1"].Budget.Requests = 95
	w.advance(6 * day)
	before := w.clock()
	s := w.one()
	if r := task(t, s, keeper.TaskRenew); r.Outcome != keeper.Proved || r.Proved.Before(before) || s.Floor.Before(before.Add(30*day)) {
		t.Errorf("%+v, floor %s", r, s.Floor)
	} else if r.Requests <= 95 {
		t.Errorf("%d requests were enough, so nothing was tested", r.Requests)
	}
}

// What a person has looked at no longer keeps old versions from being dropped: else the
// bucket would grow for ever after the first mark.
func TestDropAfterAReview(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "web1")
	w.set(time.Now().Add(-2 * day).Truncate(time.Second))
	s := w.cfg.Storages["web1"]
	s.Drop, s.Promise = keeper.Period(day), keeper.Span(day)
	w.backup("web1")
	w.advance(time.Hour)
	green(t, w.pass())
	client := w.Client(t, w.Host)
	for o := range client.ListObjectsIter(t.Context(), s.ResticBucket, minio.ListObjectsOptions{Prefix: "snapshots/"}) {
		must(t, client.RemoveObject(t.Context(), s.ResticBucket, o.Key, minio.RemoveObjectOptions{}))
	}
	w.backup("web1")
	w.advance(day)
	report := w.pass()
	if got := codes(report.Storages[0]); !slices.Contains(got, "history") {
		t.Fatalf("red for %v", got)
	}
	must(t, w.keeper().Acknowledge("web1", "all", "ann", "it was me"))
	w.advance(day)
	report = w.pass()
	if drop := task(t, report.Storages[0], keeper.TaskDrop); drop.Outcome != keeper.Proved || drop.Proved.IsZero() {
		t.Errorf("%+v", drop)
	}
}
