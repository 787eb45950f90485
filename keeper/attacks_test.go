package keeper_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/lifecycle"

	"github.com/cesnet/rwm/keeper"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
)

// objects are the names of the current objects below a prefix.
func (w *world) objects(name, prefix string) (keys []string) {
	w.t.Helper()
	bucket := w.cfg.Storages[name].ResticBucket
	for o := range w.Client(w.t, w.Host).ListObjectsIter(w.t.Context(), bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if o.Err != nil {
			w.t.Fatal(o.Err)
		}
		keys = append(keys, o.Key)
	}
	return keys
}

func (w *world) remove(name string, keys []string) {
	w.t.Helper()
	for _, key := range keys {
		if err := w.Client(w.t, w.Host).RemoveObject(w.t.Context(), w.cfg.Storages[name].ResticBucket, key, minio.RemoveObjectOptions{}); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) overwrite(name string, keys []string) {
	w.t.Helper()
	for _, key := range keys {
		junk := []byte(noise(300))
		if _, err := w.Client(w.t, w.Host).PutObject(w.t.Context(), w.cfg.Storages[name].ResticBucket, key, bytes.NewReader(junk), int64(len(junk)), minio.PutObjectOptions{}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// What an attacker with the host's credentials does to real storages is red at the pass
// after it, and the commands to go on from the last good moment are there.
func TestAttacksOnStorages(t *testing.T) {
	t.Parallel()
	attacks := map[string]func(w *world, name string){
		"everything-deleted": func(w *world, n string) { w.remove(n, w.objects(n, "")) },
		"packs-deleted":      func(w *world, n string) { w.remove(n, w.objects(n, "data/")[:1]) },
		"packs-overwritten":  func(w *world, n string) { w.overwrite(n, w.objects(n, "data/")[:1]) },
		"index-deleted":      func(w *world, n string) { w.remove(n, w.objects(n, "index/")) },
		"snapshots-deleted":  func(w *world, n string) { w.remove(n, w.objects(n, "snapshots/")) },
		"config-overwritten": func(w *world, n string) { w.overwrite(n, []string{"config"}) },
		"keys-deleted":       func(w *world, n string) { w.remove(n, w.objects(n, "keys/")) },
		"password-changed": func(w *world, n string) {
			s := w.session(n)
			if _, err := s.ChangePassword(w.t.Context(), "the attacker's", restic.KeyOptions{}); err != nil {
				w.t.Fatal(err)
			}
		},
		"forgotten-with-restic": func(w *world, n string) {
			s := w.session(n)
			if _, err := s.Forget(w.t.Context(), restic.ForgetOptions{Policy: restic.Policy{Last: 1}, GroupBy: restic.GroupByNone, Prune: &restic.PruneOptions{}}); err != nil {
				w.t.Fatal(err)
			}
		},
		"snapshot-in-the-future": func(w *world, n string) {
			s := w.session(n)
			if _, err := s.Backup(w.t.Context(), restic.BackupOptions{Paths: []string{w.path(n, "docs")}, Time: w.clock().Add(4000 * day)}); err != nil {
				w.t.Fatal(err)
			}
		},
	}
	var names []string
	for name := range attacks {
		names = append(names, name)
	}
	slices.Sort(names)
	w := newWorld(t, append(names, "spared")...)
	w.set(time.Now().Add(-6 * 24 * time.Hour).Truncate(time.Second)) // so that the attack is now, as restic's locks are
	for _, s := range w.cfg.Storages {
		s.ExpectBackupWithin = keeper.Never() // it is not what is to tell
	}
	for d := range 6 {
		for _, name := range append(names, "spared") {
			if d == 0 || strings.HasPrefix(name, "forgotten") {
				w.write(name, "docs/0/new.txt", prose(d, 900))
				w.backup(name)
			}
		}
		w.advance(time.Hour)
		if d == 0 || d == 5 {
			green(t, w.pass())
		}
		w.advance(23 * time.Hour)
	}
	if t.Failed() {
		t.FailNow()
	}
	for _, name := range names {
		attacks[name](w, name)
	}
	w.advance(time.Hour)
	for _, s := range w.pass().Storages {
		if s.Storage == "spared" {
			if !s.Green {
				t.Errorf("the storage that was spared is red: %v", s.Reds)
			}
			continue
		}
		if s.Green {
			t.Errorf("%s is green", s.Storage)
		}
		if len(s.Recovery) < 2 || !strings.Contains(strings.Join(s.Recovery, "\n"), "--at ") {
			t.Errorf("%s: no way back: %q", s.Storage, s.Recovery)
		}
	}
}

// What a person has looked at no longer counts, as with storage-history: the storage is
// green again, and what is good is what came after.
func TestReviewedHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "web1")
	w.set(time.Now().Add(-8 * day).Truncate(time.Second))
	for range 4 {
		w.backup("web1")
		w.advance(day)
	}
	green(t, w.pass())
	gone := w.clock()
	w.remove("web1", w.objects("web1", "snapshots/")[:1])
	w.advance(time.Hour)
	w.backup("web1")
	w.advance(time.Hour)
	s := w.pass().Storages[0]
	if !slices.Contains(codes(s), "history") || len(s.Marks) == 0 || !s.LastGood.Before(gone) || len(s.Steps) < 4 || s.Steps[0].What == "" || len(s.States) < 5 {
		t.Fatalf("%v, marks %v, last good %s, steps %+v", codes(s), s.Marks, s.LastGood, s.Steps)
	}
	if err := w.keeper().Acknowledge("web1", "all", "ann", "it was me"); err != nil {
		t.Fatal(err)
	}
	report := w.pass()
	green(t, report)
	if s := report.Storages[0]; !s.LastGood.After(gone) || len(s.Marks) != 0 || len(s.Settled) == 0 || s.Settled[0].Standing != "reviewed" {
		t.Errorf("last good %s, marks %v, settled %v", s.LastGood, s.Marks, s.Settled)
	}
}

// What was reviewed is kept in the form in which rwm keeps it for the admin; changed
// settings are another thing than marks of the history.
func TestReviewIsOfOneForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "web1")
	w.set(time.Now().Add(-8 * day).Truncate(time.Second))
	for range 2 {
		w.backup("web1")
		w.advance(day)
	}
	green(t, w.pass())
	w.remove("web1", w.objects("web1", "snapshots/")[:1])
	w.advance(time.Hour)
	bucket := w.cfg.Storages["web1"].ResticBucket
	must(t, w.Client(t, w.Admin).SetBucketLifecycle(t.Context(), bucket, &lifecycle.Configuration{Rules: []lifecycle.Rule{{
		ID: "theirs", Status: "Enabled", NoncurrentVersionExpiration: lifecycle.NoncurrentVersionExpiration{NoncurrentDays: 1},
	}}}))
	s := w.pass().Storages[0]
	if !slices.Contains(codes(s), "history") || !slices.Contains(codes(s), "settings") {
		t.Fatalf("red for %v", codes(s))
	}
	last := s.Marks[0].Time
	must(t, w.keeper().Acknowledge("web1", "history", "ann", ""))
	if s := w.pass().Storages[0]; slices.Contains(codes(s), "history") || !slices.Contains(codes(s), "settings") {
		t.Errorf("red for %v", codes(s))
	}
	var kept struct{ Review rwm.Review }
	text, err := os.ReadFile(filepath.Join(w.cfg.StateDir, "storages", "web1.json"))
	must(t, err)
	must(t, json.Unmarshal(text, &kept))
	if r := kept.Review; r.Until.Before(last) || !r.SettingsUntil.IsZero() || r.Proved.IsZero() || r.Settings == nil || len(r.Settings.Changes) != 1 {
		t.Errorf("%+v", r)
	}
	must(t, w.keeper().Acknowledge("web1", "settings", "ann", ""))
	if s := w.pass().Storages[0]; slices.Contains(codes(s), "settings") {
		t.Errorf("red for %v", codes(s))
	}
}

func (w *world) session(name string) *restic.Session {
	w.t.Helper()
	s, err := w.host(name).OpenRepository(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = s.Close() })
	return s
}
