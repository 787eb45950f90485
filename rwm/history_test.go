package rwm_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

// put and remove are what an attacker does with the host's credentials.
func (w *world) put(key string, body []byte) {
	w.t.Helper()
	if _, err := w.Client(w.t, w.Host).PutObject(w.t.Context(), w.config.ResticBucket, key, bytes.NewReader(body), int64(len(body)), minio.PutObjectOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) remove(key string) {
	w.t.Helper()
	if err := w.Client(w.t, w.Host).RemoveObject(w.t.Context(), w.config.ResticBucket, key, minio.RemoveObjectOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

// pass lets more time go by than servers may differ in.
func (w *world) pass() {
	if w.Controlled() {
		w.AdvanceClock(w.t, time.Hour)
		return
	}
	time.Sleep(4 * time.Second)
}

// admin is a manager with the admin's credentials.
func (w *world) admin(opts ...rwm.Option) *rwm.Manager {
	config := *w.config
	config.S3AccessKey, config.S3SecretKey = w.Admin.AccessKey, w.Admin.SecretKey
	m, err := rwm.New(&config, append([]rwm.Option{rwm.WithEvents(w.event)}, opts...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// read gives the newest version of an object, as an attacker could when it was there.
func (w *world) read(key string) (body []byte) {
	w.t.Helper()
	for v, err := range w.admin().Storage().Versions(w.t.Context(), w.config.ResticBucket, key) {
		if err != nil {
			w.t.Fatal(err)
		}
		if v.DeleteMarker || body != nil {
			continue
		}
		object, err := w.admin().Client().GetObject(w.t.Context(), w.config.ResticBucket, key, minio.GetObjectOptions{VersionID: v.VersionID})
		if err == nil {
			body, err = io.ReadAll(object)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return body
}

// prune prunes, and gives the key of the lock that was held for it.
func (w *world) prune() (lock string) {
	w.t.Helper()
	s, err := w.manager().OpenRepository(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	_, err = s.Prune(w.t.Context(), restic.PruneOptions{OnEvent: func(restic.Event) {
		if locks := w.objects("locks/"); len(locks) > 0 {
			lock = locks[0]
		}
	}})
	if err != nil || lock == "" {
		w.t.Fatal(err, lock)
	}
	return lock
}

// What the listing alone cannot tell, the password does.
func TestHistoryWithPassword(t *testing.T) {
	for name, c := range map[string]struct {
		attack  func(w *world)
		without int // suspicions of who does not know the password
		reason  string
	}{
		"a pack deleted beside a backup": {func(w *world) {
			s, err := w.manager().OpenRepository(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			r, err := s.Reader(t.Context()) // it holds the lock a backup has
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			w.remove(w.objects("data/")[0])
		}, 0, "a pack was deleted while no run held the lock for it"},
		"a pack deleted under the lock of a prune": {func(w *world) {
			lock := w.prune()
			w.pass()
			w.put(lock, w.read(lock))
			w.remove(w.objects("data/")[0])
			w.remove(lock)
		}, 2, "a pack was deleted while no run held the lock for it"},
		"a pack deleted under a lock that is none": {func(w *world) {
			body := make([]byte, 200)
			rand.Read(body)
			lock := fmt.Sprintf("locks/%x", sha256.Sum256(body))
			w.put(lock, body)
			w.remove(w.objects("data/")[0])
			w.remove(lock)
		}, 0, "it is no lock of this repository's"},
		"a pack deleted under a snapshot that passes for a lock": {func(w *world) {
			snapshot := w.objects("snapshots/")[0]
			lock := strings.Replace(snapshot, "snapshots", "locks", 1)
			w.put(lock, w.read(snapshot))
			w.remove(w.objects("data/")[0])
			w.remove(lock)
		}, 0, "it is no lock of this repository's"},
		"another repository's config": {func(w *world) {
			w.put("config", bytes.Repeat([]byte("c"), 155))
		}, 1, "a config was overwritten with something else"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).policed()
			if _, err := w.manager().Backup(t.Context(), "home"); err != nil {
				t.Fatal(err)
			}
			w.pass()
			c.attack(w)
			w.pass()
			admin := w.admin()
			if _, err := admin.SaveState(t.Context()); err != nil {
				t.Fatal(err)
			}
			h, err := admin.Storage().History(t.Context(), w.config.ResticBucket, s3state.HistoryOptions{})
			if err != nil || h.Total != c.without {
				t.Errorf("without the password: %v %+v", err, h.Suspicions)
			}
			h, err = admin.History(t.Context(), w.config.ResticBucket, s3state.HistoryOptions{})
			if err != nil || h.Total == 0 || !strings.Contains(fmt.Sprint(h.Suspicions), c.reason) || h.LastGood.IsZero() {
				t.Errorf("%v %+v", err, h)
			}
			if _, err := admin.DropVersions(t.Context(), w.config.ResticBucket, s3state.DropOptions{RequireComplete: true}); !errors.Is(err, s3state.ErrUnconfirmed) {
				t.Errorf("dropping: %v", err)
			}
		})
	}
}

// A migration replaces the config, and prune deletes: with the password neither is
// suspicious, and old versions can be dropped though no state was ever saved.
func TestHistoryOfRealRuns(t *testing.T) {
	w := newWorld(t)
	w.bucket()
	s, err := w.manager().InitRepository(t.Context(), restic.WithRepositoryVersion(1), restic.WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		w.write("files/c.txt", strings.Repeat(fmt.Sprint(i), 1000))
		if _, err := s.Backup(t.Context(), restic.BackupOptions{Paths: []string{w.files}}); err != nil {
			t.Fatal(err)
		}
		w.pass()
	}
	if err := s.Migrate(t.Context(), "upgrade_repo_v2", restic.MigrateOptions{}); err != nil {
		t.Fatal(err)
	}
	w.pass()
	if _, err := s.Forget(t.Context(), restic.ForgetOptions{Policy: restic.Policy{Last: 1}, Prune: &restic.PruneOptions{}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	admin := w.admin()
	if h, err := admin.Storage().History(t.Context(), w.config.ResticBucket, s3state.HistoryOptions{}); err != nil || h.Total != 1 || h.Suspicions[0].Key != "config" {
		t.Errorf("without the password: %v %+v", err, h.Suspicions)
	}
	if h, err := admin.History(t.Context(), w.config.ResticBucket, s3state.HistoryOptions{}); err != nil || h.Total != 0 {
		t.Errorf("%v %+v", err, h.Suspicions)
	}
	if _, err := admin.Storage().DropVersions(t.Context(), w.config.ResticBucket, s3state.DropOptions{RequireComplete: true}); !errors.Is(err, s3state.ErrUnconfirmed) {
		t.Errorf("without the password: %v", err)
	}
	if res, err := admin.DropVersions(t.Context(), w.config.ResticBucket, s3state.DropOptions{RequireComplete: true}); err != nil || res.OldVersions == 0 {
		t.Errorf("%v %+v", err, res)
	}
	if after, err := admin.CheckStorage(t.Context(), w.config.ResticBucket, s3state.CheckStorageOptions{ReadPercent: 100}); err != nil || !after.OK || after.Suspicious != 0 {
		t.Errorf("%v %+v", err, after)
	}
}
