package keeper_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/cesnet/rwm/internal/harness/cheapkeys"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/keeper"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

// world is a server with policed buckets, hosts that back up into them, and a keeper,
// all on one movable clock.
type world struct {
	*s3test.Server
	t   *testing.T
	dir string

	mu  sync.Mutex
	now time.Time

	cfg     *keeper.Config
	told    []keeper.Change
	pings   []keeper.Ping
	tellErr error
}

func newWorld(t *testing.T, names ...string) *world {
	w := &world{Server: s3test.Start(t), t: t, dir: t.TempDir()}
	w.set(time.Now().Add(-100 * 24 * time.Hour).Truncate(time.Second))
	var text strings.Builder
	fmt.Fprintf(&text, "state_dir: %s\nadmin_config: admin.conf\ndefaults:\n  s3_endpoint_url: %s\n  s3_access_key: %s\n  s3_secret_key: %s\nstorages:\n",
		filepath.Join(w.dir, "state"), w.URL, w.Admin.AccessKey, w.Admin.SecretKey)
	for _, name := range names {
		bucket := w.Bucket(t)
		if _, err := s3state.New(w.Client(t, w.Admin)).Create(t.Context(), bucket, w.Host.Name, s3state.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "  %s:\n    restic_bucket: %s\n    restic_password: pw-%s\n", name, bucket, name)
	}
	if len(names) == 0 {
		return w // the test makes its own
	}
	w.parse(text.String())
	for _, name := range names {
		session, err := w.host(name).InitRepository(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := session.Close(); err != nil {
			t.Fatal(err)
		}
		for i := range 40 {
			w.write(name, fmt.Sprintf("docs/%d/report %d.txt", i%4, i), prose(i, 3000))
		}
		w.write(name, "photos/cat.png", "\x89PNG\r\n\x1a\n"+noise(5000))
	}
	return w
}

func (w *world) parse(text string) {
	w.t.Helper()
	cfg, err := keeper.ParseConfig(strings.NewReader(text), "keeper.conf")
	if err != nil {
		w.t.Fatal(err)
	}
	w.cfg = cfg
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) set(at time.Time) {
	w.t.Helper()
	w.mu.Lock()
	w.now = at
	w.mu.Unlock()
	w.SetClock(w.t, at)
}

func (w *world) advance(d time.Duration) {
	w.t.Helper()
	w.set(w.clock().Add(d))
}

func (w *world) host(name string) *rwm.Manager {
	w.t.Helper()
	s := w.cfg.Storages[name]
	m, err := rwm.New(&rwm.Config{
		S3EndpointURL: w.URL, S3AccessKey: w.Host.AccessKey, S3SecretKey: w.Host.SecretKey,
		ResticBucket: s.ResticBucket, ResticPassword: "pw-" + name, LockPath: filepath.Join(w.dir, name+".lock"),
		Backups: map[string]rwm.Backup{"home": {FilesDirs: []string{filepath.Join(w.dir, name)}}}, AutoTags: true,
	}, rwm.WithClock(w.clock), rwm.WithSessionOptions(restic.WithCacheDir(filepath.Join(w.dir, "hostcache")), restic.WithHostname(name)))
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// backup makes a backup of a host, an hour before the next pass.
func (w *world) backup(name string) {
	w.t.Helper()
	if _, err := w.host(name).BackupAll(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) keeper(opts ...keeper.Option) *keeper.Keeper {
	w.t.Helper()
	k, err := keeper.New(w.cfg, append([]keeper.Option{keeper.WithClock(w.clock), keeper.WithTeller(w)}, opts...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	return k
}

func (w *world) pass(opts ...keeper.Option) *keeper.Report {
	w.t.Helper()
	report, err := w.keeper(opts...).Pass(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return report
}

func (w *world) Tell(_ context.Context, m keeper.Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tellErr == nil {
		w.told = append(w.told, m.Changes...)
	}
	return w.tellErr
}

func (w *world) Ping(_ context.Context, p keeper.Ping, _ string) error {
	w.pings = append(w.pings, p)
	return nil
}

func (w *world) path(name, file string) string { return filepath.Join(w.dir, name, file) }

func (w *world) write(name, file, content string) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(w.path(name, file)), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(w.path(name, file), []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// prose compresses, as text does, and differs by its seed.
func prose(seed, n int) string {
	return strings.Repeat(fmt.Sprintf("Report %d: all is well at the mill, and the river is low. ", seed), n/50+1)[:n]
}

func noise(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return string(b)
}

func green(t *testing.T, report *keeper.Report) {
	t.Helper()
	for _, s := range report.Storages {
		for _, r := range s.Reds {
			t.Errorf("%s is red (%s): %s", s.Storage, r.Code, r.Sentence)
		}
	}
}

func codes(s *keeper.Status) (list []string) {
	for _, r := range s.Reds {
		list = append(list, r.Code)
	}
	return list
}
