package rwm_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

// run is an ordinary run of the host, with something new to back up.
func (w *world) run() {
	w.t.Helper()
	w.pass()
	w.write("files/new.txt", strings.Join(noise(500), " ")) // larger than the trees
	if _, err := w.manager().Backup(w.t.Context(), "home"); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.manager().SaveState(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// noise is text that does not shrink.
func noise(n int) (words []string) {
	for range n {
		words = append(words, rand.Text())
	}
	return words
}

func (w *world) history(m *rwm.Manager) *s3state.History {
	w.t.Helper()
	h, err := m.History(w.t.Context(), w.config.ResticBucket, s3state.HistoryOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	return h
}

// drop is a dry run of what the admin does every month.
func (w *world) drop(m *rwm.Manager) error {
	_, err := m.DropVersions(w.t.Context(), w.config.ResticBucket, s3state.DropOptions{RequireComplete: true, KeepStates: 1, DryRun: true})
	return err
}

// newest tells that the newest moment is named, proved and unmarked.
func (w *world) newest(h *s3state.History) {
	w.t.Helper()
	last := h.Steps[len(h.Steps)-1].To
	if h.Total != 0 || h.Proof.Verdict != s3state.Proved || !h.Proof.DataRead || !h.LastGood.Equal(last) {
		w.t.Errorf("last good %v of %v, %+v, %v", h.LastGood, last, h.Proof, h.Suspicions)
	}
}

// before tells that a moment before the attack is named, and that it is whole.
func (w *world) before(h *s3state.History, attack time.Time) {
	w.t.Helper()
	if h.Total == 0 || h.Proof.Verdict != s3state.Proved || h.LastGood.IsZero() || !h.LastGood.Before(attack) {
		w.t.Fatalf("last good %v, attack %v, %+v, %v", h.LastGood, attack, h.Proof, h.Suspicions)
	}
	s, _, err := w.admin().OpenAsOf(w.t.Context(), s3state.Moment{At: h.LastGood}, restic.WithoutCache())
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	if c, err := s.Check(w.t.Context(), restic.CheckOptions{ReadData: true}); err != nil || c.Snapshots == 0 {
		w.t.Errorf("%v %+v", err, c)
	}
}

// putInParts writes an object by a multipart upload of one part.
func (w *world) putInParts(by s3test.Identity, key string, body []byte) {
	w.t.Helper()
	core, bucket := minio.Core{Client: w.Client(w.t, by)}, w.config.ResticBucket
	id, err := core.NewMultipartUpload(w.t.Context(), bucket, key, minio.PutObjectOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	part, err := core.PutObjectPart(w.t.Context(), bucket, key, id, 1, bytes.NewReader(body), int64(len(body)), minio.PutObjectPartOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	parts := []minio.CompletePart{{PartNumber: 1, ETag: part.ETag}}
	if _, err := core.CompleteMultipartUpload(w.t.Context(), bucket, key, id, parts, minio.PutObjectOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

// lastWrite is the time of the newest version of an object, by the server's clock.
func (w *world) lastWrite(prefix string) (at time.Time) {
	w.t.Helper()
	for v, err := range w.admin().Storage().Versions(w.t.Context(), w.config.ResticBucket, prefix) {
		if err != nil {
			w.t.Fatal(err)
		}
		if v.LastModified.After(at) {
			at = v.LastModified
		}
	}
	return at
}

// An attacker who knows the password can hold a lock of the repository's while deleting
// what it needs. The repository tells; without its password nothing is proved, and
// nothing is dropped for good.
func TestHistoryOfPacksDeletedUnderALock(t *testing.T) {
	w := newWorld(t).policed()
	w.run()
	w.run()
	admin := w.admin()
	w.newest(w.history(admin))
	w.pass()
	s, err := w.manager().OpenRepository(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	done := false
	_, _ = s.Prune(t.Context(), restic.PruneOptions{OnEvent: func(restic.Event) {
		if len(w.objects("locks/")) == 0 || done {
			return
		}
		done = true
		for _, pack := range w.objects("data/") {
			w.remove(pack)
		}
	}})
	attack := w.lastWrite("data/")
	w.pass()
	w.config.ResticPassword = ""
	sealed := w.admin()
	w.config.ResticPassword = "restic-password-marker"
	for _, saved := range []bool{false, true} {
		if saved {
			if _, err := w.manager().SaveState(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		h := w.history(w.admin())
		w.before(h, attack)
		if !strings.Contains(fmt.Sprint(h.Suspicions), "does not hold together") {
			t.Errorf("%v", h.Suspicions)
		}
		if err := w.drop(w.admin()); !errors.Is(err, s3state.ErrStorageIncomplete) {
			t.Errorf("dropping: %v", err)
		}
		h = w.history(sealed)
		if h.Proof.Verdict != s3state.NotProved || !strings.HasPrefix(h.Proof.Reason, s3state.NoPassword) || !strings.Contains(fmt.Sprint(h.Gone), "pack deleted") {
			t.Errorf("without the password: %+v, gone %v", h.Proof, h.Gone)
		}
		c, err := sealed.CheckStorage(t.Context(), w.config.ResticBucket, s3state.CheckStorageOptions{})
		if (err == nil) != saved || c.OK || c.Proof.Verdict != s3state.NotProved || c.Complete() != saved {
			t.Errorf("without the password: %v %+v", err, c)
		}
		if err := w.drop(sealed); !errors.Is(err, s3state.ErrNotProved) || !strings.Contains(err.Error(), "password") {
			t.Errorf("dropping without the password: %v", err)
		}
	}
}

// A migration and, later, a new password are no attack, and neither ends the good time.
func TestHistoryOfAMigrationAndANewPassword(t *testing.T) {
	w := newWorld(t)
	w.bucket()
	s, err := w.manager().InitRepository(t.Context(), restic.WithRepositoryVersion(1), restic.WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w.run()
	w.pass()
	if err := s.Migrate(t.Context(), "upgrade_repo_v2", restic.MigrateOptions{}); err != nil {
		t.Fatal(err)
	}
	w.run()
	w.newest(w.history(w.admin()))
	w.pass()
	if _, err := s.ChangePassword(t.Context(), "new", restic.KeyOptions{}); err != nil {
		t.Fatal(err)
	}
	old := w.admin()
	w.config.ResticPassword = "new"
	w.run()
	w.newest(w.history(w.admin()))
	if err := w.drop(w.admin()); err != nil {
		t.Error(err)
	}
	// Who has only the old password is told from when on it opens nothing.
	h := w.history(old)
	if h.Proof.Verdict != s3state.Proved || h.LastGood.IsZero() || !strings.Contains(fmt.Sprint(h.Suspicions), "wrong password") {
		t.Errorf("%+v %v", h.Proof, h.Suspicions)
	}
}

// An attacker changes the password: the moment named opens with the admin's.
func TestHistoryOfAStolenPassword(t *testing.T) {
	w := newWorld(t).policed()
	w.run()
	w.run()
	w.pass()
	s, err := w.manager().OpenRepository(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.ChangePassword(t.Context(), "the attacker's", restic.KeyOptions{}); err != nil {
		t.Fatal(err)
	}
	attack := w.lastWrite("keys/")
	w.before(w.history(w.admin()), attack)
	if err := w.drop(w.admin()); err == nil {
		t.Error("versions were dropped, the admin's key among them")
	}
}

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
			w.newest(w.history(w.admin()))
			c, err := w.admin().CheckStorage(t.Context(), w.config.ResticBucket, s3state.CheckStorageOptions{})
			if err != nil || !c.OK || c.Suspicious != 0 {
				t.Errorf("%v %+v", err, c.StorageCheck)
			}
			if err := w.drop(w.admin()); err != nil {
				t.Error(err)
			}
		})
	}
}

// What was written more than once is read whole, however little data may be read: here
// a pack was deleted and written again with the right size and the right table of
// contents.
func TestHistoryReadsWhatWasWrittenAgain(t *testing.T) {
	w := newWorld(t).policed()
	w.run()
	w.pass()
	pack, most := "", []byte(nil)
	for _, key := range w.objects("data/") {
		if body := w.read(key); len(body) > len(most) {
			pack, most = key, body
		}
	}
	attack := w.lastWrite("")
	w.remove(pack)
	w.put(pack, append(bytes.Repeat([]byte("x"), 1000), most[1000:]...))
	w.run()
	config := *w.config
	config.S3AccessKey, config.S3SecretKey = w.Admin.AccessKey, w.Admin.SecretKey
	admin, err := rwm.New(&config, rwm.WithProof(rwm.ProofOptions{MaxData: -1}))
	if err != nil {
		t.Fatal(err)
	}
	h := w.history(admin)
	w.before(h, attack.Add(time.Second))
	if h.Proof.DataRead {
		t.Errorf("%+v", h.Proof)
	}
	if err := w.drop(admin); !errors.Is(err, s3state.ErrStorageIncomplete) {
		t.Errorf("dropping: %v", err)
	}
}

// A server that dates to the second leaves open what came first within one. The proof
// must not look at the moment before what happened last.
func TestHistoryOfTheLastSecond(t *testing.T) {
	w := newWorld(t, s3test.Dialect("rgw20")).policed()
	w.run()
	w.pass()
	w.pass()
	pack := w.objects("data/")[0]
	w.put(pack, bytes.Repeat([]byte("x"), len(w.read(pack))))
	w.before(w.history(w.admin()), w.lastWrite(""))
}

// Lifecycle rules remove old versions of locks before those of packs.
func TestHistoryAfterLocksWereRemoved(t *testing.T) {
	w := newWorld(t).policed()
	w.config.Retention = rwm.Retention{"keep-last": "1"}
	for range 3 {
		w.pass()
		w.write("files/new.txt", time.Now().Format(time.RFC3339Nano))
		if _, err := w.manager().BackupAll(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.newest(w.history(w.admin()))
	client := w.Client(t, w.Admin)
	for _, markers := range []bool{false, true} {
		for v, err := range w.admin().Storage().Versions(t.Context(), w.config.ResticBucket, "locks/") {
			if err != nil {
				t.Fatal(err)
			}
			if v.DeleteMarker != markers {
				continue
			}
			if err := client.RemoveObject(t.Context(), w.config.ResticBucket, v.Key, minio.RemoveObjectOptions{VersionID: v.VersionID}); err != nil {
				t.Fatal(err)
			}
		}
		w.newest(w.history(w.admin()))
		if err := w.drop(w.admin()); err != nil {
			t.Error(err)
		}
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

// What was uploaded in parts over a pack is in no view of a moment, so what is current
// is looked at, too.
func TestHistoryOfAPackOverwrittenInParts(t *testing.T) {
	w := newWorld(t).policed()
	w.run()
	w.pass()
	pack := w.objects("data/")[0]
	body := w.read(pack)
	attack := w.lastWrite("")
	w.putInParts(w.Host, pack, bytes.Repeat([]byte("x"), len(body)))
	w.before(w.history(w.admin()), attack.Add(time.Second))
	if err := w.drop(w.admin()); !errors.Is(err, s3state.ErrStorageIncomplete) {
		t.Errorf("dropping: %v", err)
	}
}
