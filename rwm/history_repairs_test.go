package rwm_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/lifecycle"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

// A repaired repository is judged by what is current.
func TestHistoryOfRepairs(t *testing.T) {
	for name, attackAndRepair := range map[string]func(w *world, pack string, content []byte){
		"put back": func(w *world, pack string, content []byte) {
			w.put(pack, bytes.Repeat([]byte("rubbish"), 10))
			w.pass()
			w.put(pack, content)
		},
		"put back in parts": func(w *world, pack string, content []byte) { w.putInParts(w.Admin, pack, content) },
		"spoilt and put back in parts": func(w *world, pack string, content []byte) {
			w.put(pack, bytes.Repeat([]byte("x"), len(content)))
			w.pass()
			w.putInParts(w.Host, pack, content)
		},
		"spoilt and put back in parts in the same second": func(w *world, pack string, content []byte) {
			w.put(pack, bytes.Repeat([]byte("x"), 70))
			w.putInParts(w.Host, pack, bytes.Repeat([]byte("y"), len(content)))
			w.putInParts(w.Host, pack, content)
		},
		"by restic": func(w *world, pack string, _ []byte) {
			w.put(pack, bytes.Repeat([]byte("rubbish"), 10))
			w.pass()
			s, err := w.manager().OpenRepository(w.t.Context(), restic.WithoutCache())
			if err != nil {
				w.t.Fatal(err)
			}
			defer s.Close()
			id, err := restic.ParseID(pack[len(pack)-64:])
			if err == nil {
				err = s.RepairPacks(w.t.Context(), restic.RepairPacksOptions{Packs: []restic.ID{id}})
			}
			if err == nil {
				_, err = s.RepairSnapshots(w.t.Context(), restic.RepairSnapshotsOptions{Forget: true})
			}
			if err != nil {
				w.t.Fatal(err)
			}
			w.run()
			if _, err := s.Prune(w.t.Context(), restic.PruneOptions{}); err != nil {
				w.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).policed()
			w.run()
			w.pass()
			pack, most := "", 0
			for _, key := range w.objects("data/") {
				if n := len(w.read(key)); n > most {
					pack, most = key, n
				}
			}
			attackAndRepair(w, pack, w.read(pack))
			w.run()
			h := w.history(w.admin())
			if h.Total != 0 {
				t.Errorf("%v", h.Suspicions)
			}
			// The only snapshot lost nearly all of its bytes; the next one has them
			// again.
			if name == "by restic" && !strings.Contains(fmt.Sprint(h.Notes), "with less in it") {
				t.Errorf("%v", h.Notes)
			}
			w.newest(h)
			c, err := w.admin().CheckStorage(t.Context(), w.config.ResticBucket, s3state.CheckStorageOptions{})
			if err != nil || !c.OK || c.Suspicious != 0 {
				t.Errorf("%v %+v", err, c.StorageCheck)
			}
			if _, err := w.admin().DropVersions(t.Context(), w.config.ResticBucket, s3state.DropOptions{
				RequireComplete: true, KeepStates: 1, DryRun: true,
			}); err != nil {
				t.Error(err)
			}
		})
	}
}

// locksExpire has a lifecycle rule remove old versions of locks after a day, and the
// delete markers that are then left alone if it says so.
func (w *world) locksExpire(markers bool) {
	w.t.Helper()
	rule := lifecycle.Rule{
		ID: "locks", Status: "Enabled", RuleFilter: lifecycle.Filter{Prefix: "locks/"},
		NoncurrentVersionExpiration: lifecycle.NoncurrentVersionExpiration{NoncurrentDays: 1},
	}
	rule.Expiration.DeleteMarker = lifecycle.ExpireDeleteMarker(markers)
	if err := w.Client(w.t, w.Admin).SetBucketLifecycle(w.t.Context(), w.config.ResticBucket, &lifecycle.Configuration{Rules: []lifecycle.Rule{rule}}); err != nil {
		w.t.Fatal(err)
	}
	w.AdvanceClock(w.t, 49*time.Hour)
}

// retained are runs of a host whose retention removes snapshots.
func (w *world) retained(n int) {
	w.t.Helper()
	w.config.Retention = rwm.Retention{"keep-last": "1"}
	for range n {
		w.pass()
		w.write("files/new.txt", time.Now().Format(time.RFC3339Nano))
		if _, err := w.manager().BackupAll(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// Lifecycle rules remove old versions of locks before those of packs.
func TestHistoryAfterLocksWereRemoved(t *testing.T) {
	w := newWorld(t).policed()
	if !w.Controlled() {
		harness.NotOnThisServer(t, "lifecycle takes days")
	}
	w.retained(3)
	w.newest(w.history(w.admin()))
	for _, markers := range []bool{false, true} {
		w.locksExpire(markers)
		w.run() // shows that days have passed
		w.newest(w.history(w.admin()))
		if err := w.drop(w.admin()); err != nil {
			t.Error(err)
		}
	}
}

// Anybody with the host's keys can delete the name of a lock that never was, which
// leaves a delete marker. Unless the bucket's own rule may have removed a lock from
// below it by now it explains only half an hour, and that is noted.
func TestHistoryOfALockThatNeverWas(t *testing.T) {
	for name, rule := range map[string]bool{"no rule": false, "a rule": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).policed()
			if !w.Controlled() {
				harness.NotOnThisServer(t, "what such a lock explains ends after half an hour")
			}
			w.retained(2)
			w.config.Retention = nil
			if rule {
				w.locksExpire(false)
			}
			w.run()
			w.run()
			w.newest(w.history(w.admin()))
			w.pass()
			attack := w.lastWrite("")
			w.remove(w.objects("snapshots/")[0])
			w.pass()
			w.remove("locks/" + strings.Repeat("ab", 32))
			for range 2 {
				h := w.history(w.admin())
				w.before(h, attack.Add(time.Second))
				if h.Total != 1 || !strings.Contains(h.Suspicions[0].Reason, "a snapshot was deleted while no run held the lock") {
					t.Errorf("%v", h.Suspicions)
				}
				if err := w.drop(w.admin()); !errors.Is(err, s3state.ErrUnconfirmed) {
					t.Errorf("dropping: %v", err)
				}
				w.run() // the host has not noticed
			}
			w.pass()
			w.remove(w.objects("snapshots/")[0])
			w.remove("locks/" + strings.Repeat("cd", 32))
			if h := w.history(w.admin()); h.Total != 1 || h.TotalNotes != 1 || !strings.Contains(h.Notes[0].Reason, "only the removal is left") {
				t.Errorf("%v, noted %v", h.Suspicions, h.Notes)
			}
		})
	}
}

// An attacker who kept the bytes of a lock can write them again, also when the bucket's
// rule has removed its version: it explains nothing.
func TestHistoryOfALockWrittenAgain(t *testing.T) {
	w := newWorld(t).policed()
	if !w.Controlled() {
		harness.NotOnThisServer(t, "lifecycle takes days")
	}
	w.retained(2)
	w.config.Retention = nil
	w.run()
	w.run()
	lock := w.prune()
	kept := w.read(lock)
	w.locksExpire(false)
	w.run()
	w.newest(w.history(w.admin()))
	w.pass()
	attack := w.lastWrite("")
	w.put(lock, kept)
	w.remove(w.objects("snapshots/")[0])
	w.remove(lock)
	w.run() // the host has not noticed
	h := w.history(w.admin())
	w.before(h, attack.Add(time.Second))
	if h.Total != 1 || !strings.Contains(h.Suspicions[0].Reason, "a snapshot was deleted while no run held the lock") || !strings.Contains(fmt.Sprint(h.Notes), "written again") {
		t.Errorf("%v, noted %v", h.Suspicions, h.Notes)
	}
}

// An admin who cleans up old versions of locks without a rule is no attack.
func TestHistoryAfterACleanup(t *testing.T) {
	w := newWorld(t).policed()
	w.retained(3)
	client := w.Client(t, w.Admin)
	for v, err := range w.admin().Storage().Versions(t.Context(), w.config.ResticBucket, "locks/") {
		if err == nil && !v.DeleteMarker {
			err = client.RemoveObject(t.Context(), w.config.ResticBucket, v.Key, minio.RemoveObjectOptions{VersionID: v.VersionID})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	w.newest(w.history(w.admin()))
	if err := w.drop(w.admin()); err != nil {
		t.Error(err)
	}
}

// After a drop no lock is left that tells what a run of restic deletes; the state that
// the drop saved tells since when there would be one.
func TestHistoryAfterADrop(t *testing.T) {
	w := newWorld(t).policed()
	w.retained(2)
	w.config.Retention = nil
	w.run()
	w.run()
	w.pass()
	if _, err := w.admin().DropVersions(t.Context(), w.config.ResticBucket, s3state.DropOptions{RequireComplete: true}); err != nil {
		t.Fatal(err)
	}
	w.pass()
	if h := w.history(w.admin()); h.Total != 0 || h.Proof.Verdict != s3state.Proved {
		t.Errorf("%v %+v", h.Suspicions, h.Proof)
	}
	w.pass()
	attack := w.lastWrite("")
	w.remove(w.objects("snapshots/")[0])
	for range 2 {
		h := w.history(w.admin())
		w.before(h, attack.Add(time.Second))
		if h.Total != 1 || !strings.Contains(h.Suspicions[0].Reason, "a snapshot was deleted while no run held the lock") {
			t.Errorf("%v", h.Suspicions)
		}
		w.run() // the host has not noticed
	}
}

// Snapshots dated back take the places of real ones in the host's own retention.
func TestHistoryOfBackdatedSnapshots(t *testing.T) {
	w := newWorld(t).policed()
	if !w.Controlled() {
		harness.NotOnThisServer(t, "everything would happen in one minute, before which there is no moment")
	}
	s, err := w.manager().OpenRepository(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	backup := func(at time.Time) {
		t.Helper()
		w.write("files/new.txt", time.Now().Format(time.RFC3339Nano))
		if _, err := s.Backup(t.Context(), restic.BackupOptions{Paths: []string{w.files}, Time: at, Host: "vm"}); err != nil {
			t.Fatal(err)
		}
	}
	day := func(d int, hour time.Duration) time.Time {
		return time.Now().Truncate(24 * time.Hour).Add(time.Duration(-d)*24*time.Hour + hour*time.Hour)
	}
	for d := 10; d > 5; d-- {
		backup(day(d, 2))
	}
	backup(time.Now())
	forget := func() {
		t.Helper()
		w.pass()
		if _, err := s.Forget(t.Context(), restic.ForgetOptions{Policy: restic.Policy{Daily: 6}, Prune: &restic.PruneOptions{}}); err != nil {
			t.Fatal(err)
		}
	}
	forget()
	w.newest(w.history(w.admin()))
	w.pass()
	attack := w.lastWrite("")
	for d := 10; d > 5; d-- {
		backup(day(d, 23))
	}
	forget()
	h := w.history(w.admin())
	w.before(h, attack.Add(time.Minute))
	if !strings.Contains(fmt.Sprint(h.Suspicions), "as if by the retention") {
		t.Errorf("%v", h.Suspicions)
	}
	if err := w.drop(w.admin()); !errors.Is(err, s3state.ErrUnconfirmed) {
		t.Errorf("dropping: %v", err)
	}
}

// What a person has looked at is kept on the admin's machine, and counts in drop, too.
func TestReviewed(t *testing.T) {
	w := newWorld(t).policed()
	file := filepath.Join(w.dir, "conf", "reviews.json")
	w.run()
	w.run()
	w.pass()
	w.remove(w.objects("snapshots/")[0])
	w.run()
	admin := func() *rwm.Manager {
		config := *w.config
		config.S3AccessKey, config.S3SecretKey = w.Admin.AccessKey, w.Admin.SecretKey
		now := func() time.Time { return time.Now().Add(1000 * time.Hour) } // the server's clock runs ahead
		m, err := rwm.New(&config, rwm.WithReviews(file), rwm.WithClock(now))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	h := w.history(admin())
	if h.Total != 1 {
		t.Fatalf("%v", h.Suspicions)
	}
	if r, err := admin().Reviewed(w.config.ResticBucket); err != nil || !r.Proved.Equal(h.LastGood) {
		t.Errorf("%v %+v", err, r)
	}
	if p, err := admin().KnownProof(w.config.ResticBucket); err != nil || p.Verdict != s3state.NotProved || !p.At.Equal(h.LastGood) {
		t.Errorf("%v %+v", err, p)
	}
	if p, err := admin().KnownProof("another"); err != nil || !strings.HasPrefix(p.Reason, s3state.NoPassword) {
		t.Errorf("%v %+v", err, p)
	}
	if err := w.drop(admin()); !errors.Is(err, s3state.ErrUnconfirmed) {
		t.Errorf("before: %v", err)
	}
	if err := admin().SetReviewed(w.config.ResticBucket, h.Suspicions[0].Time); err != nil {
		t.Fatal(err)
	}
	w.newest(w.history(admin()))
	if err := w.drop(admin()); err != nil {
		t.Errorf("reviewed: %v", err)
	}
	if h := w.history(w.admin()); h.Total != 1 {
		t.Errorf("elsewhere nobody has looked at it: %v", h.Suspicions)
	}
	if err := w.admin().SetReviewed(w.config.ResticBucket, time.Now().Add(-time.Hour)); err == nil {
		t.Error("there is no file")
	}
	if err := admin().SetReviewed(w.config.ResticBucket, time.Now().Add(2000*time.Hour)); !errors.Is(err, rwm.ErrMoment) {
		t.Errorf("in the future: %v", err)
	}
}
