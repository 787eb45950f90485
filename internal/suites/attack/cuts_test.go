package attack

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"pgregory.net/rapid"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// Every opening of a repository derives a key, by design slowly: fewer checks
// than usual unless -rapid.checks says otherwise.
func init() { _ = flag.Lookup("rapid.checks").Value.Set("8") }

// cut is a time at which no run was under way, and what was there.
type cut struct {
	at        time.Time
	snapshots int
	content   string // of the file in the latest snapshot
	wrecked   bool   // the attacker has left something broken
}

// After any sequence of backups, forgets, prunes and attacks: every cut in
// time at which no run was under way and the repository was whole opens and
// checks clean, with the snapshots there were.
func TestEveryCutInTime(t *testing.T) {
	srv := s3test.Start(t)
	if !srv.Controlled() {
		harness.NotOnThisServer(t, "its clock cannot be moved")
	}
	harness.Checks(t, 15)
	rapid.Check(t, func(rt *rapid.T) { everyCut(t, rt, srv) })
}

func everyCut(t *testing.T, rt *rapid.T, srv *s3test.Server) {
	w := newWorld(t, srv)
	must(t, os.MkdirAll(w.files, 0o755))
	file := filepath.Join(w.files, "file")
	var cuts []cut
	now := cut{}
	mark := func() {
		w.pass(time.Minute)
		now.at = w.now()
		cuts = append(cuts, now)
		w.pass(time.Minute)
	}
	last := 0 // the last cut at which all was well
	for step := range rapid.IntRange(2, 8).Draw(rt, "steps") {
		what := rapid.SampledFrom([]string{"backup", "backup", "backup", "forget", "prune", "attack"}).Draw(rt, "what")
		if step == 0 {
			what = "backup"
		}
		if now.wrecked {
			// the admin brings back what was there, in place
			bringBack(w, cuts[last].at)
			content, n := cuts[last].content, cuts[last].snapshots
			now = cut{content: content, snapshots: n}
		}
		switch what {
		case "attack":
			wreckSome(w, rt)
			now.wrecked = true
		default:
			s, err := w.client.OpenRepository(w.ctx, restic.WithoutCache())
			must(t, err)
			switch what {
			case "backup":
				now.content = fmt.Sprintf("content %d %x", step, rubbish(3000))
				must(t, os.WriteFile(file, []byte(now.content), 0o600))
				_, err = s.Backup(w.ctx, restic.BackupOptions{Paths: []string{w.files}})
				now.snapshots++
			case "forget":
				var res *restic.ForgetResult
				res, err = s.Forget(w.ctx, restic.ForgetOptions{Policy: restic.Policy{Last: rapid.IntRange(1, 3).Draw(rt, "keep")}})
				if err == nil {
					now.snapshots -= len(res.Removed)
				}
			case "prune":
				_, err = s.Prune(w.ctx, restic.PruneOptions{})
			}
			must(t, err)
			must(t, s.Close())
		}
		mark()
		if !now.wrecked {
			last = len(cuts) - 1
		}
	}
	massOverwrite(w)
	massDelete(w)
	for i, c := range cuts {
		if c.wrecked {
			continue
		}
		if err := looksLike(w, c); err != nil {
			rt.Fatalf("cut %d of %d at %v: %v", i, len(cuts), c.at, err)
		}
	}
}

// wreckSome is an attack of some kind on some of the objects.
func wreckSome(w *world, rt *rapid.T) {
	for _, key := range w.keys("") {
		switch rapid.IntRange(0, 3).Draw(rt, "harm") {
		case 1:
			w.remove(key)
		case 2:
			w.put(key, rubbish(64))
		case 3:
			w.put(key, rubbish(64))
			w.remove(key)
		}
	}
	w.put("index/"+fmt.Sprintf("%x", rubbish(32)), rubbish(100))
}

// bringBack makes the bucket current as it was, and removes what came since.
func bringBack(w *world, at time.Time) {
	v, err := w.admin.Storage().View(w.ctx, w.bucket, s3state.Moment{At: at}, s3state.ViewOptions{})
	must(w, err)
	for _, key := range w.keys("") {
		if _, there := v.Get(key); !there {
			w.remove(key)
		}
	}
	for o := range v.All("") {
		_, err := w.admin.Client().CopyObject(w.ctx, minio.CopyDestOptions{Bucket: w.bucket, Object: o.Key},
			minio.CopySrcOptions{Bucket: w.bucket, Object: o.Key, VersionID: o.VersionID})
		must(w, err)
	}
}

func looksLike(w *world, c cut) error {
	s, _, err := w.admin.OpenAsOf(w.ctx, s3state.Moment{At: c.at}, restic.WithoutCache())
	if err != nil {
		return err
	}
	defer func() { must(w, s.Close()) }()
	if r, err := s.Check(w.ctx, restic.CheckOptions{ReadData: true}); err != nil {
		return fmt.Errorf("check: %w %+v", err, r)
	}
	list, err := s.Snapshots(w.ctx, restic.SnapshotFilter{})
	if err != nil || len(list) != c.snapshots {
		return fmt.Errorf("%d snapshots, expected %d, %w", len(list), c.snapshots, err)
	}
	var out bytes.Buffer
	err = s.Dump(w.ctx, restic.DumpOptions{Snapshot: "latest", Path: filepath.ToSlash(w.files) + "/file"}, &out)
	if err != nil || out.String() != c.content {
		return fmt.Errorf("another content, %w", err)
	}
	return nil
}
