package rwm_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

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
	first := h.Steps[len(h.Steps)-1].To
	last := first
	for v, err := range w.admin().Storage().Versions(w.t.Context(), h.Bucket, "") {
		if err != nil {
			w.t.Fatal(err)
		}
		if second := last.Truncate(time.Second); v.LastModified.Equal(second) {
			// One change in a thousand looks like one of a server that cuts its times:
			// if it counts, only the end of that second is surely after it.
			last = second.Add(time.Second - time.Millisecond)
		}
	}
	if h.Total != 0 || h.Proof.Verdict != s3state.Proved || !h.Proof.DataRead || h.LastGood.Before(first) || h.LastGood.After(last) {
		w.t.Errorf("last good %v of %v, %+v, %v", h.LastGood, last, h.Proof, h.Suspicions)
	}
}

// before tells that a moment before the attack is named, and that it is whole.
func (w *world) before(h *s3state.History, attack time.Time) {
	w.t.Helper()
	if h.Total == 0 || h.Proof.Verdict != s3state.Proved || h.LastGood.IsZero() || !h.LastGood.Before(attack) {
		w.t.Fatalf("last good %v, attack %v, %+v, %v", h.LastGood, attack, h.Proof, h.Suspicions)
	}
	s, _, err := w.admin().OpenAsOf(w.t.Context(), s3state.Moment{At: h.LastGood}, restic.WithoutCache(), restic.WithConnections(2))
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
	err := w.drop(w.admin(rwm.WithProof(rwm.ProofOptions{MaxRequests: 1})))
	if !errors.Is(err, s3state.ErrNotProved) || !errors.Is(err, s3state.ErrUnconfirmed) || errors.Is(err, s3state.ErrStorageIncomplete) {
		t.Errorf("dropping with a proof that ends too early: %v", err)
	}
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
		if err := w.drop(sealed); !errors.Is(err, s3state.ErrNotProved) || !errors.Is(err, s3state.ErrUnconfirmed) || !strings.Contains(err.Error(), "password") {
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
