package rwm_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

// lockedLife is a locked bucket of a host that backs up, with a clock that the test
// moves.
type lockedLife struct {
	*world
	start, now time.Time
	admin      *s3state.Store
	host       *rwm.Manager
	keeper     *rwm.Manager
	ledger     string
}

func newLockedLife(t *testing.T, lock s3state.LockOptions) *lockedLife {
	l := &lockedLife{world: newWorld(t)}
	if !l.Controlled() {
		t.Skip("needs a movable clock")
	}
	l.start = time.Now().AddDate(0, 0, -60).Truncate(24 * time.Hour).Add(12 * time.Hour)
	l.to(0)
	clock := func() time.Time { return l.now }
	l.admin = s3state.New(l.Client(t, l.Admin), s3state.WithClock(clock))
	if _, err := l.admin.Create(t.Context(), l.config.ResticBucket, l.Host.Name, s3state.CreateOptions{Lock: &lock, Keeper: l.Host2.Name}); err != nil {
		t.Fatal(err)
	}
	l.config.Retention = map[string]string{"keep-last": "2"}
	opts := []rwm.Option{rwm.WithClock(clock), rwm.WithSessionOptions(restic.WithClock(clock))}
	l.host = l.manager(opts...)
	session, err := l.host.InitRepository(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	session.Close()
	keeper := *l.config
	keeper.S3AccessKey, keeper.S3SecretKey = l.Host2.AccessKey, l.Host2.SecretKey
	if l.keeper, err = rwm.New(&keeper, append(opts, rwm.WithSessionOptions(restic.WithCacheDir(filepath.Join(l.dir, "keeper"))))...); err != nil {
		t.Fatal(err)
	}
	l.ledger = filepath.Join(l.dir, "ledger")
	return l
}

func (l *lockedLife) to(day int) {
	l.now = l.start.AddDate(0, 0, day)
	l.FreezeClock(l.t, l.now)
}

// backup is a run of the host, with its retention.
func (l *lockedLife) backup(day int) {
	l.t.Helper()
	l.to(day)
	l.write("files/a.txt", fmt.Sprint("of day ", day))
	if _, err := l.host.BackupAll(l.t.Context()); err != nil {
		l.t.Fatalf("day %d: %v", day, err)
	}
}

func (l *lockedLife) renew() *s3state.RenewResult {
	l.t.Helper()
	return l.renewWith(s3state.RenewOptions{})
}

func (l *lockedLife) renewWith(opts s3state.RenewOptions) *s3state.RenewResult {
	l.t.Helper()
	ledger, err := s3state.OpenRenewLedger(l.ledger)
	if err != nil {
		l.t.Fatal(err)
	}
	opts.Ledger = ledger
	r, err := l.keeper.RenewLocks(l.t.Context(), l.config.ResticBucket, opts)
	if err != nil {
		l.t.Fatal(err)
	}
	if err := ledger.Close(); err != nil {
		l.t.Fatal(err)
	}
	return r
}

func (l *lockedLife) history() *s3state.History {
	l.t.Helper()
	h, err := l.keeper.History(l.t.Context(), l.config.ResticBucket, s3state.HistoryOptions{VerifyStates: -1})
	if err != nil {
		l.t.Fatal(err)
	}
	return h
}

// The password tells what the snapshots of one repository need. What else is in the
// bucket, such as another host's repository at a prefix, stays locked as well.
func TestRenewKeepsOthersInTheBucket(t *testing.T) {
	t.Parallel()
	l := newLockedLife(t, s3state.LockOptions{Days: 6, GraceDays: 4})
	l.backup(0)
	client, bucket := l.Client(t, l.Host), l.config.ResticBucket
	others := []string{"hosts/two/config", "hosts/two/data/00/" + strings.Repeat("00", 32), "files/of/rclone", "rwm/config", "rwm/data/00/" + strings.Repeat("00", 32), "locks/of/doors"}
	for _, key := range others {
		if _, err := client.PutObject(t.Context(), bucket, key, strings.NewReader(key), int64(len(key)), minio.PutObjectOptions{SendContentMd5: true}); err != nil {
			t.Fatal(err)
		}
	}
	for _, day := range []int{2, 5, 8, 11} {
		l.to(day)
		if r := l.renewWith(s3state.RenewOptions{Suspicious: func(context.Context) (string, error) { return "", nil }}); r.Frozen != "" || !r.Kept() {
			t.Errorf("day %d: %+v", day, r)
		}
	}
	for _, key := range others {
		_, until, err := l.Client(t, l.Admin).GetObjectRetention(t.Context(), bucket, key, "")
		if err != nil || until == nil || until.Before(l.now.AddDate(0, 0, 6)) {
			t.Errorf("%s is locked until %v, %v; now it is %s", key, until, err, l.now)
		}
	}
}

// A locked bucket after its rule has begun to remove what was pruned: nothing is
// marked, what is gone is called reclaimed, and no moment of which something is gone is
// called whole.
func TestLockedBucketAfterWeeks(t *testing.T) {
	t.Parallel()
	l := newLockedLife(t, s3state.LockOptions{Days: 6, GraceDays: 4})
	for day := 0; day <= 24; day += 3 {
		l.backup(day)
		if r := l.renew(); r.Frozen != "" {
			t.Errorf("day %d: %s", day, r.Frozen)
		}
	}
	bucket := l.config.ResticBucket
	h := l.history()
	if h.Total != 0 || h.Proof.Verdict != s3state.Proved || h.Proof.Snapshots != 2 || !h.LastGood.Equal(h.States[len(h.States)-1].Time.Add(999*time.Millisecond)) && !h.LastGood.Equal(h.States[len(h.States)-1].Time) {
		t.Errorf("%+v", h)
	}
	said := map[s3state.VerifyStatus]int{}
	for _, st := range h.States {
		v := st.Verification
		said[v.Status]++
		switch age := l.now.Sub(st.Time); {
		case age <= 6*24*time.Hour && v.Status != s3state.Verified:
			t.Errorf("a state %s old is %s: %v", age, v.Status, v.Missing)
		case v.Status != s3state.Verified && v.Status != s3state.Reclaimed:
			t.Errorf("a state %s old is %s: %v", age, v.Status, v.Missing)
		}
	}
	if said[s3state.Reclaimed] == 0 {
		t.Errorf("nothing was reclaimed: %v", said)
	}
	for days, whole := range map[int]bool{4: true, 12: false, 20: false} {
		c, err := l.keeper.CheckStorage(t.Context(), bucket, s3state.CheckStorageOptions{Moment: s3state.Moment{At: l.now.AddDate(0, 0, -days)}})
		if c == nil || c.OK != whole || whole && err != nil || !whole && !strings.Contains(c.Proof.Reason, "the storage's rule removes") {
			t.Errorf("%d days ago: %+v %v", days, c, err)
		}
	}
	if text := l.warnings(); strings.Contains(text, "the storage's rule") {
		t.Errorf("the host was told: %s", text) // it was the keeper that looked
	}
	if c, err := l.keeper.CheckStorage(t.Context(), bucket, s3state.CheckStorageOptions{}); err != nil || !c.OK {
		t.Errorf("as it is: %+v %v", c, err)
	}
	// A host that deletes what is needed, and waits while the keeper is dead, is not
	// good for that: no moment is whole, not an old one of which little is left,
	// either.
	pack := l.objects("data/")[0]
	client := l.Client(t, l.Host)
	for _, key := range l.objects("data/") {
		if err := client.RemoveObject(t.Context(), bucket, key, minio.RemoveObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	l.to(40)
	h = l.history()
	if !h.LastGood.IsZero() || h.Proof.Verdict != s3state.Broken || h.Total == 0 {
		t.Errorf("without %s: last good %s, %+v, %d marks", pack, h.LastGood, h.Proof, h.Total)
	}
	if c, err := l.keeper.CheckStorage(t.Context(), bucket, s3state.CheckStorageOptions{}); err == nil || c.OK || c.Proof.Verdict != s3state.Broken {
		t.Errorf("%+v %v", c, err)
	}
	for _, st := range h.States {
		if st.Verification.Status == s3state.Verified && st.Time.After(l.start) {
			t.Errorf("the state of %s is verified without its packs", st.Time)
		}
	}
	// What was proved, and when.
	if _, p, err := s3state.ReadRenewLedger(l.ledger); err != nil || !p.Time.Equal(l.start.AddDate(0, 0, 24)) || !p.Floor.Equal(l.start.AddDate(0, 0, 34)) || p.Needed == 0 {
		t.Errorf("%+v %v", p, err)
	}
}

// A state that was saved while another run held its lock names that lock, and keeping
// the state keeps it. The locks of the prunes after it, whose packs are kept as well,
// stay with it: else these packs would look deleted while no run held a lock.
func TestKeptStatesKeepTheLocksOfPrunes(t *testing.T) {
	t.Parallel()
	l := newLockedLife(t, s3state.LockOptions{Days: 6, GraceDays: 4})
	l.backup(0)
	session, err := l.host.OpenRepository(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := session.Backup(t.Context(), restic.BackupOptions{Paths: []string{l.dir + "/files"}}); err != nil {
		t.Fatal(err)
	}
	if len(l.objects("locks/")) == 0 {
		t.Fatal("the session holds no lock")
	}
	if _, err := l.host.Storage().Save(t.Context(), l.config.ResticBucket, s3state.CaptureOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
	for day := 3; day <= 24; day += 3 {
		l.backup(day)
		if r := l.renewWith(s3state.RenewOptions{KeepStates: -1}); r.Frozen != "" {
			t.Errorf("day %d: %s", day, r.Frozen)
		}
	}
	if h := l.history(); h.Total != 0 {
		t.Errorf("%+v", h.Suspicions)
	}
}
