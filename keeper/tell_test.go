package keeper_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/keeper"
)

// receivers are two: b may be down.
type receivers struct {
	down bool
	a, b []string // titles
}

func (r *receivers) Tell(_ context.Context, m keeper.Message) error {
	if m.Only == nil || slices.Contains(m.Only, "a") {
		r.a = append(r.a, m.Title)
	}
	if m.Only == nil || slices.Contains(m.Only, "b") {
		if r.down {
			return &keeper.UntoldError{Left: []string{"b"}, Err: errors.New("b is down")}
		}
		r.b = append(r.b, m.Title)
	}
	return nil
}

func (r *receivers) Ping(context.Context, keeper.Ping, string) error { return nil }

// unreachable makes a keeper of storages that cannot be reached.
func unreachable(t *testing.T, dir string, now func() time.Time, opts ...keeper.Option) *keeper.Keeper {
	t.Helper()
	return unreachableNamed(t, dir, []string{"one", "two"}, now, opts...)
}

func unreachableNamed(t *testing.T, dir string, names []string, now func() time.Time, opts ...keeper.Option) *keeper.Keeper {
	t.Helper()
	text := fmt.Sprintf("state_dir: %s\ndefaults:\n  s3_endpoint_url: http://localhost:1\n  s3_access_key: a\n  s3_secret_key: s\nstorages:\n", dir)
	for _, name := range names {
		text += fmt.Sprintf("  %s:\n    restic_bucket: bucket-%s\n    restic_password: p\n", name, name)
	}
	cfg, err := keeper.ParseConfig(strings.NewReader(text), "keeper.conf")
	if err != nil {
		t.Fatal(err)
	}
	open := func(context.Context, string, *keeper.StorageConfig, http.RoundTripper) (keeper.Storage, error) {
		return nil, errors.New("the storage is out")
	}
	k, err := keeper.New(cfg, append([]keeper.Option{keeper.WithStorage(open), keeper.WithClock(now)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Every receiver gets every message once, also while another one is down for some
// passes.
func TestEachReceiverIsToldOnce(t *testing.T) {
	t.Parallel()
	r := &receivers{down: true}
	k := unreachable(t, t.TempDir(), time.Now, keeper.WithTeller(r))
	for i := range 5 {
		r.down = i < 3
		report, err := k.Pass(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if (report.Untold != "") != r.down || len(r.a) != 1 || !r.down && len(r.b) != 1 {
			t.Fatalf("pass %d: untold %q; a got %q, b %q", i, report.Untold, r.a, r.b)
		}
	}
}

// An outage of fifty storages is one message, short enough for every service, and its
// end is another one. What a person has to look at comes first.
func TestOutageIsOneMessage(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3, 37, "")
	for i := range 47 { // without a past of their own, which takes time
		name := fmt.Sprintf("more%02d", i)
		c := *f.cfg.Storages["host00"]
		c.ResticBucket = "bucket-of-" + name
		f.cfg.Storages[name] = &c
		h := newSimHost(name, uint64(i), lives[0])
		h.files = map[string]content{}
		f.storages[name] = &simStorage{simHost: h, clock: f.storages["host00"].clock}
	}
	f.days(1)
	known := len(f.messages)
	for _, s := range f.storages {
		s.outage = true
	}
	for range 5 { // passes, two days
		f.now = f.now.Add(10 * time.Hour)
		f.pass()
	}
	if len(f.messages) != known+1 || len(f.messages[known].Changes) != 50 {
		t.Fatalf("%d messages", len(f.messages)-known)
	}
	m := f.messages[known]
	for _, want := range []string{"50 storages are red: host00, host01, ", "To do: rwm keep --config keeper.conf --storage NAME"} {
		if !strings.Contains(m.Text, want) {
			t.Errorf("no %q in\n%s", want, m.Text)
		}
	}
	if m.Title != "RWM: 50 storages are RED" || len(m.Text) > 2000 {
		t.Errorf("%s, %d bytes:\n%s", m.Title, len(m.Text), m.Text)
	}
	for _, s := range f.storages {
		s.outage = false
	}
	s := f.storages["host01"]
	s.marks = []keeper.Mark{{Time: f.now, Key: "data/00/x", Reason: "a pack was overwritten"}}
	f.storages["more07"].policy = "versioning is off"
	f.live()
	f.pass()
	m = f.messages[len(f.messages)-1]
	if len(f.messages) != known+2 || m.Title != "RWM: look at host01; 2 storages are RED; 48 storages are green again" ||
		!strings.HasPrefix(m.Text, "Storage host01 (bucket host01) is red:\n- The history shows") {
		t.Errorf("%d messages; %s\n%s", len(f.messages)-known, m.Title, m.Text)
	}
}

// Whatever became of the state directory, a pass is made and says what is wrong with
// it; nothing is green that was not proved.
func TestStateDirectory(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"lost":         func(t *testing.T, dir string) { must(t, os.RemoveAll(dir)) },
		"record empty": func(t *testing.T, dir string) { must(t, os.Truncate(filepath.Join(dir, "storages", "one.json"), 0)) },
		"record wrong": func(t *testing.T, dir string) { write(t, dir, `{"version":1,"bucket":7}`) },
		"record forged": func(t *testing.T, dir string) {
			write(t, dir, `{"version":1,"bucket":"bucket-one","tasks":{"prove":null},"alarms":[null],"backups":{"x":null}}`)
		},
		"another bucket": func(t *testing.T, dir string) {
			write(t, dir, `{"version":1,"bucket":"bucket-other","tasks":{},"last_good":"2026-01-01T00:00:00Z"}`)
		},
		"record is a directory": func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, "storages", "one.json")))
			must(t, os.MkdirAll(filepath.Join(dir, "storages", "one.json", "x"), 0o700))
		},
		"directory is a file": func(t *testing.T, dir string) {
			must(t, os.RemoveAll(filepath.Join(dir, "storages")))
			must(t, os.WriteFile(filepath.Join(dir, "storages"), nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state")
			k := unreachable(t, dir, time.Now)
			if _, err := k.Pass(t.Context()); err != nil {
				t.Fatal(err)
			}
			spoil(t, dir)
			report, err := k.Pass(t.Context())
			if report == nil || len(report.Storages) != 2 {
				t.Fatalf("no report: %v", err)
			}
			for _, s := range report.Storages {
				if s == nil || s.Green || len(s.Reds) == 0 {
					t.Errorf("%+v", s)
				}
			}
			if strings.Contains(name, "directory") && err == nil {
				t.Error("no error")
			}
			if _, err := k.Status(); err != nil && !strings.Contains(name, "directory") {
				t.Error(err)
			}
		})
	}
}

// A pass made while the clock was a year ahead keeps nothing green once it is right
// again, and a clock that is behind the server's is red.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "web1")
	w.backup("web1")
	right := w.clock()
	w.mu.Lock()
	w.now = right.Add(365 * day) // the keeper's, not the server's
	w.mu.Unlock()
	w.pass()
	w.set(right.Add(time.Hour))
	all, err := w.keeper().Status()
	must(t, err)
	if all[0].Green || !slices.Contains(codes(all[0]), "never-run") {
		t.Errorf("red for %v before a pass with the right clock", codes(all[0]))
	}
	report := w.pass()
	green(t, report)
	for _, task := range report.Storages[0].Tasks {
		if task.Proved.After(w.clock()) {
			t.Errorf("%s was proved at %v", task.Task, task.Proved)
		}
	}
	w.mu.Lock()
	w.now = right.Add(-365 * day)
	w.mu.Unlock()
	if s := w.pass().Storages[0]; s.Green || !slices.Contains(codes(s), "clock") {
		t.Errorf("a year behind: red for %v", codes(s))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, dir, text string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(dir, "storages", "one.json"), []byte(text), 0o600))
}
