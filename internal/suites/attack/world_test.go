package attack

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	_ "github.com/cesnet/rwm/internal/harness/cheapkeys"
	"github.com/cesnet/rwm/internal/harness/resticcli"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/internal/harness/treecmp"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

const password = "known to the attacker too"

// world is a backed-up host, its policed bucket, and an attacker on it.
type world struct {
	*testing.T
	ctx    context.Context
	srv    *s3test.Server
	bucket string
	files  string        // what is backed up
	then   string        // what it was at the last good backup
	good   time.Time     // end of the last good run, by the server's clock
	host   *minio.Client // the attacker's, too
	admin  *rwm.Manager
	client *rwm.Manager
	states []s3state.SavedState
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newWorld(t *testing.T, srv *s3test.Server) *world {
	w := &world{T: t, ctx: t.Context(), srv: srv, bucket: srv.Bucket(t), files: filepath.Join(t.TempDir(), "files"), host: srv.Client(t, srv.Host)}
	w.admin, w.client = w.manager(srv.Admin, w.bucket), w.manager(srv.Host, w.bucket)
	_, err := w.admin.Storage().Create(w.ctx, w.bucket, srv.Host.Name, s3state.CreateOptions{})
	must(t, err)
	s, err := w.client.InitRepository(w.ctx, restic.WithoutCache())
	must(t, err)
	must(t, s.Close())
	return w
}

func (w *world) manager(id s3test.Identity, bucket string) *rwm.Manager {
	w.Helper()
	m, err := rwm.New(&rwm.Config{
		S3EndpointURL: w.srv.URL, S3AccessKey: id.AccessKey, S3SecretKey: id.SecretKey, ResticBucket: bucket, ResticPassword: password,
		LockPath: filepath.Join(w.TempDir(), "rwm.lock"), Backups: map[string]rwm.Backup{"files": {FilesDirs: []string{w.files}}},
		Retention: rwm.Retention{"keep-last": "2"},
	}, rwm.WithSessionOptions(restic.WithoutCache()))
	must(w, err)
	return m
}

// change makes the files others than they were.
func (w *world) change(n int) {
	w.Helper()
	for i := range 6 {
		name := filepath.Join(w.files, fmt.Sprintf("d%d", i%3), fmt.Sprintf("file %d", i))
		must(w, os.MkdirAll(filepath.Dir(name), 0o755))
		if i%3 != n%3 && n > 0 {
			continue
		}
		content := make([]byte, 20_000+1000*i)
		rand.Read(content)
		must(w, os.WriteFile(name, content, 0o644))
	}
}

// backup is a run like any other, an hour after the last.
func (w *world) backup() {
	w.Helper()
	report, err := w.client.BackupAll(w.ctx)
	if err != nil {
		w.Fatalf("%v %+v", err, report)
	}
	for _, row := range report.Rows {
		if row.State != nil {
			w.states = append(w.states, *row.State)
		}
	}
	w.good = w.now()
	w.pass(time.Hour)
}

// now is the server's time.
func (w *world) now() time.Time {
	w.Helper()
	const clock = "rwm/clock" // nothing to any of the tools
	info, err := w.host.PutObject(w.ctx, w.bucket, clock, strings.NewReader("-"), 1, minio.PutObjectOptions{})
	must(w, err)
	must(w, w.host.RemoveObject(w.ctx, w.bucket, info.Key, minio.RemoveObjectOptions{}))
	var at time.Time
	for v, err := range w.admin.Storage().Versions(w.ctx, w.bucket, clock) {
		must(w, err)
		if v.LastModified.After(at) {
			at = v.LastModified
		}
	}
	return at
}

// pass lets time pass, on a real server only as much as tells times apart.
func (w *world) pass(d time.Duration) {
	if w.srv.Controlled() {
		w.srv.AdvanceClock(w, d)
		return
	}
	time.Sleep(4 * time.Second) // more than History allows servers to differ in time
}

// remember keeps the files as the last good backup has them.
func (w *world) remember() {
	w.Helper()
	w.then = filepath.Join(w.TempDir(), "then")
	must(w, os.CopyFS(w.then, os.DirFS(w.files)))
}

// objects are what an attacker sees and does.
func (w *world) objects() s3test.Objects {
	return s3test.Objects{TB: w.T, Client: w.host, Bucket: w.bucket}
}

func (w *world) keys(prefix string) []string { w.Helper(); return w.objects().Keys(prefix) }
func (w *world) put(key string, body []byte) { w.Helper(); w.objects().Put(key, body) }
func (w *world) get(key string) []byte       { w.Helper(); return w.objects().Get(key) }
func (w *world) remove(key string)           { w.Helper(); w.objects().Remove(key) }

// recovered goes the whole way back: the history names the moment, the view of
// it opens and is whole, the files are the same, and the bucket rebuilt from it
// passes restic's own check.
func (w *world) recovered(want time.Time) {
	w.Helper()
	h, err := w.admin.History(w.ctx, w.bucket, s3state.HistoryOptions{OnEvent: func(e s3state.Event) {
		if done, ok := e.(s3state.StepDone); ok {
			w.Log(done.Step) // why a moment was not proved
		}
	}})
	must(w, err)
	w.Logf("last good %v", h.LastGood)
	if h.Total == 0 {
		w.Error("the history shows nothing suspicious")
	}
	// between the end of the last good run and the attack an hour later
	if d := h.LastGood.Sub(want); d > 59*time.Minute || d < -time.Minute {
		w.Fatalf("last good moment %v, the last good run ended %v; %+v", h.LastGood, want, h.Suspicions[:min(len(h.Suspicions), 5)])
	}
	w.whole(s3state.Moment{At: h.LastGood}, w.then)
	w.rebuilt(h.LastGood)
}

// whole opens the bucket as of a moment, reads all of it and compares the files.
func (w *world) whole(m s3state.Moment, then string) {
	w.Helper()
	s, _, err := w.admin.OpenAsOf(w.ctx, m, restic.WithoutCache())
	must(w, err)
	defer func() { must(w, s.Close()) }()
	check, err := s.Check(w.ctx, restic.CheckOptions{ReadData: true})
	if err != nil {
		w.Fatalf("check as of %+v: %v %+v", m, err, check)
	}
	if then == "" {
		return
	}
	target := filepath.Join(w.TempDir(), "restored")
	_, err = s.Restore(w.ctx, restic.RestoreOptions{Snapshot: "latest:" + filepath.ToSlash(w.files), Target: target, Verify: true})
	must(w, err)
	w.same(then, target)
}

func (w *world) same(want, got string) {
	w.Helper()
	r, err := treecmp.Compare(want, got)
	must(w, err)
	for _, d := range r.Differences {
		if !strings.Contains(d, "mtime") && !strings.Contains(d, "modified") { // the kept copy is younger
			w.Errorf("restored files differ: %s", d)
		}
	}
	if r.Files < 6 {
		w.Errorf("only %d files compared", r.Files)
	}
}

func (w *world) rebuilt(at time.Time) {
	w.Helper()
	target := w.srv.Bucket(w)
	_, err := w.admin.Storage().Restore(w.ctx, s3state.RestoreOptions{Source: w.bucket, Target: target, Moment: s3state.Moment{At: at}})
	must(w, err)
	id := w.srv.Admin
	repo := resticcli.Repo{
		URL: "s3:" + w.srv.URL + "/" + target, Password: password, AccessKey: id.AccessKey, SecretKey: id.SecretKey,
	}
	if !w.srv.Controlled() {
		w.copiedLocks(at)
		resticcli.Current(w).MustRun(w, repo, "unlock", "--remove-all")
	}
	resticcli.Current(w).MustRun(w, repo, "check", "--read-data")
}

// copiedLocks logs which locks were there at a moment at which no run held any. On a
// busy gateway that has been seen: a delete marker was dated too late, or it was made
// again.
func (w *world) copiedLocks(at time.Time) {
	w.Helper()
	view, err := w.admin.Storage().View(w.ctx, w.bucket, s3state.Moment{At: at}, s3state.ViewOptions{})
	must(w, err)
	for o := range view.All("locks/") {
		for v, err := range w.admin.Storage().Versions(w.ctx, w.bucket, o.Key) {
			must(w, err)
			w.Logf("at %v there was the lock %s: version %s of %v, delete marker %v", at, v.Key, v.VersionID, v.LastModified, v.DeleteMarker)
		}
	}
}
