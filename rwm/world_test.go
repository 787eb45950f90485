package rwm_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	_ "github.com/cesnet/rwm/internal/harness/cheapkeys"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

// world is a server with a policed bucket, a repository in it, files to back up
// and everything a manager has said.
type world struct {
	*s3test.Server
	t      *testing.T
	dir    string // of this test
	files  string // something to back up
	config *rwm.Config

	mu     sync.Mutex
	events []rwm.Event
	out    bytes.Buffer // of hooks
	log    bytes.Buffer
}

func newWorld(t *testing.T, opts ...s3test.Option) *world {
	w := &world{Server: s3test.Start(t, opts...), t: t, dir: t.TempDir()}
	w.files = filepath.Join(w.dir, "files")
	w.write("files/a.txt", "alpha")
	w.write("files/b.bak", "beta")
	w.config = &rwm.Config{
		S3EndpointURL: w.URL, S3AccessKey: w.Host.AccessKey, S3SecretKey: w.Host.SecretKey,
		ResticBucket: w.Bucket(t), ResticPassword: "restic-password-marker",
		LockPath: filepath.Join(w.dir, "rwm.lock"),
		Backups:  map[string]rwm.Backup{"home": {FilesDirs: []string{w.files}}},
	}
	return w
}

// policed makes the policed bucket and the repository in it.
func (w *world) policed() *world {
	w.t.Helper()
	w.bucket()
	w.initialised()
	return w
}

func (w *world) bucket() {
	w.t.Helper()
	store := s3state.New(w.Client(w.t, w.Admin))
	if _, err := store.Create(w.t.Context(), w.config.ResticBucket, w.Host.Name, s3state.CreateOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) initialised() {
	w.t.Helper()
	session, err := w.manager().InitRepository(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if err := session.Close(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) manager(opts ...rwm.Option) *rwm.Manager {
	w.t.Helper()
	m, err := rwm.New(w.config, append([]rwm.Option{
		rwm.WithEvents(w.event),
		rwm.WithOutput(locked{w, &w.out}, locked{w, &w.out}),
		rwm.WithLogger(slog.New(slog.NewTextHandler(locked{w, &w.log}, &slog.HandlerOptions{Level: slog.LevelDebug}))),
		rwm.WithSessionOptions(restic.WithCacheDir(filepath.Join(w.dir, "cache"))),
	}, opts...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

func (w *world) event(event rwm.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, event)
}

func (w *world) write(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w *world) exists(name string) bool {
	_, err := os.Stat(filepath.Join(w.dir, name))
	return err == nil
}

func (w *world) warnings() string {
	var texts []string
	for _, event := range w.events {
		if warning, ok := event.(rwm.Warning); ok {
			texts = append(texts, warning.Text)
		}
	}
	return strings.Join(texts, "\n")
}

func (w *world) snapshots() []restic.Snapshot {
	w.t.Helper()
	session, err := w.manager().OpenRepository(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	defer session.Close()
	list, err := session.Snapshots(w.t.Context(), restic.SnapshotFilter{})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// objects are the names of the current objects.
func (w *world) objects(prefix string) (names []string) {
	w.t.Helper()
	for object := range w.Client(w.t, w.Admin).ListObjectsIter(w.t.Context(), w.config.ResticBucket, listOptions(prefix)) {
		if object.Err != nil {
			w.t.Fatal(object.Err)
		}
		names = append(names, object.Key)
	}
	return names
}

// writes counts the requests since the last ResetRequests that could have
// changed something.
func (w *world) writes() (found []string) {
	for _, r := range w.Requests(w.t) {
		if r.Method != "GET" && r.Method != "HEAD" {
			found = append(found, r.Method+" "+r.Path)
		}
	}
	return found
}

// table is the report in short: "home OK 0, state OK 0".
func table(report *rwm.Report) string {
	if report == nil {
		return "no report"
	}
	var rows []string
	for _, row := range report.Rows {
		verdict := "ERROR"
		if row.OK {
			verdict = "OK"
		}
		rows = append(rows, fmt.Sprintf("%s %s %d", short(row.Step, row.Name), verdict, row.ReturnCode))
	}
	return strings.Join(rows, ", ")
}

// short names a step by the backup it is, or by what it is.
func short(step rwm.Step, name string) string {
	if step == rwm.StepBackup {
		return name
	}
	return string(step)
}

func tags(snapshots []restic.Snapshot) []string {
	var all []string
	for _, snapshot := range snapshots {
		sorted := slices.Sorted(slices.Values(snapshot.Tags))
		all = append(all, strings.Join(sorted, "+"))
	}
	slices.Sort(all)
	return all
}

// locked lets several goroutines write to one buffer.
type locked struct {
	w      *world
	buffer io.Writer
}

func (l locked) Write(p []byte) (int, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	return l.buffer.Write(p)
}
