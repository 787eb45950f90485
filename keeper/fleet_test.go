package keeper_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/keeper"
	"github.com/cesnet/rwm/keeper/signs"
)

// fleet is many simulated storages, one keeper, and a clock.
type fleet struct {
	t        *testing.T
	cfg      *keeper.Config
	storages map[string]*simStorage
	now      time.Time
	day      int
	attack   func(h *simHost, day int) // after a day's life and before its backup

	mu       sync.Mutex
	told     []keeper.Change
	messages []keeper.Message
}

func newFleet(t *testing.T, n int, seed uint64, extra string) *fleet {
	f := &fleet{t: t, storages: map[string]*simStorage{}, now: time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)}
	var text strings.Builder
	fmt.Fprintf(&text, `state_dir: %s
parallel: 2
defaults:
  s3_endpoint_url: http://127.0.0.1:1
  s3_access_key: a
  s3_secret_key: b
  restic_password: c
  retention: {keep-within: 60d}
  drop_versions: 7d
  %s
storages:
`, filepath.Join(t.TempDir(), "state"), extra)
	for i := range n {
		name := fmt.Sprintf("host%02d", i)
		h := newSimHost(name, seed+uint64(i), lives[i%len(lives)])
		f.storages[name] = &simStorage{simHost: h, clock: func() time.Time { return f.now }}
		fmt.Fprintf(&text, "  %s: {restic_bucket: %s}\n", name, name)
	}
	cfg, err := keeper.ParseConfig(strings.NewReader(text.String()), "keeper.conf")
	if err != nil {
		t.Fatal(err)
	}
	f.cfg = cfg
	return f
}

// copy returns a fleet that goes on as this one would, with a copy of the keeper's
// records.
func (f *fleet) copy() *fleet {
	f.t.Helper()
	cfg := *f.cfg
	cfg.StateDir = filepath.Join(f.t.TempDir(), "state")
	if err := os.CopyFS(cfg.StateDir, os.DirFS(f.cfg.StateDir)); err != nil {
		f.t.Fatal(err)
	}
	other := &fleet{
		t: f.t, cfg: &cfg, storages: map[string]*simStorage{}, now: f.now, day: f.day,
		told: slices.Clone(f.told), messages: slices.Clone(f.messages),
	}
	for name, s := range f.storages {
		again := *s
		again.simHost, again.clock = s.simHost.copy(), func() time.Time { return other.now }
		other.storages[name] = &again
	}
	return other
}

// live lets a day pass on the hosts, with backups of those that are not in off.
func (f *fleet) live(off ...string) {
	f.now = f.now.Add(22 * time.Hour)
	for _, name := range slices.Sorted(maps.Keys(f.storages)) {
		s := f.storages[name]
		s.live(s.simHost, f.day)
		if f.attack != nil {
			f.attack(s.simHost, f.day)
		}
		if !slices.Contains(off, name) {
			s.backup(f.now.Add(time.Duration(s.rng.IntN(60)) * time.Minute))
			if strings.HasSuffix(name, "1") || strings.HasSuffix(name, "4") { // the host forgets by itself
				s.snapshots = s.snapshots[max(0, len(s.snapshots)-20):]
			}
		}
	}
	f.day++
	f.now = f.now.Add(2 * time.Hour)
}

func (f *fleet) keeper(more ...keeper.Option) *keeper.Keeper {
	f.t.Helper()
	k, err := keeper.New(f.cfg, append(more, keeper.WithClock(func() time.Time { return f.now }), keeper.WithTeller(f),
		keeper.WithStorage(func(_ context.Context, name string, _ *keeper.StorageConfig, _ http.RoundTripper) (keeper.Storage, error) {
			return f.storages[name], nil
		}))...)
	if err != nil {
		f.t.Fatal(err)
	}
	return k
}

// days are n times a day and the pass that follows it.
func (f *fleet) days(n int, off ...string) {
	f.t.Helper()
	for range n {
		f.live(off...)
		f.pass()
	}
}

func (f *fleet) pass() map[string]*keeper.Status {
	f.t.Helper()
	report, err := f.keeper().Pass(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	all := map[string]*keeper.Status{}
	for _, s := range report.Storages {
		all[s.Storage] = s
	}
	return all
}

func (f *fleet) Tell(_ context.Context, m keeper.Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told = append(f.told, m.Changes...)
	f.messages = append(f.messages, m)
	return nil
}

func (f *fleet) Ping(context.Context, keeper.Ping, string) error { return nil }

// Ordinary life raises no alarm: edits, tidying up, archives, imports of documents and
// photos, upgrades, log rotation, dumps, mail, builds.
func TestNoFalseAlarms(t *testing.T) {
	harness.NotShort(t)
	t.Parallel()
	hosts, days := harness.SizeRaced(3, 6, 60), harness.SizeRaced(20, 40, 92)
	seed := harness.Seed(t)
	t.Logf("%d storage-days", hosts*days)
	for _, extra := range []string{"sensitivity: normal", "read_types: false"} {
		f := newFleet(t, hosts, seed, extra)
		for range days {
			f.live()
			for name, s := range f.pass() {
				if s.Green {
					continue
				}
				for _, r := range s.Reds {
					t.Errorf("%s: day %d, %s: %s", extra, f.day, name, r.Sentence)
				}
			}
			if t.Failed() {
				return
			}
		}
		if len(f.told) != 0 {
			t.Errorf("%d messages", len(f.told))
		}
	}
}

// attack is something done to a host's files; it reports whether it is over.
type attack struct {
	name string
	do   func(h *simHost, day int)
	// by is at which pass it has to be red; sealed ones too.
	by     int
	sealed bool
	kinds  []signs.Kind
}

func (h *simHost) encrypt(names []string, rename func(string) string) {
	for _, name := range names {
		size := int(h.files[name].size) + 256
		delete(h.files, name)
		h.put(rename(name), "noise", size)
	}
}

func same(name string) string { return name }

var attacks = []attack{
	{"all renamed", func(h *simHost, _ int) {
		h.encrypt(h.some("", 1<<20), func(n string) string { return n + ".akira" })
	}, 1, true, []signs.Kind{signs.KindRenamed}},
	{"all in place", func(h *simHost, _ int) { h.encrypt(h.some("", 1<<20), same) }, 1, false, []signs.Kind{signs.KindTurned}},
	{"a third with other names", func(h *simHost, _ int) {
		h.encrypt(h.some("", len(h.files)/3), func(n string) string {
			h.next++
			return n[:strings.LastIndexByte(n, '/')+1] + fmt.Sprintf("%016x.xyzzy", h.next*7919)
		})
	}, 1, true, nil},
	{"notes", func(h *simHost, _ int) {
		for _, name := range h.some("", 40) {
			h.put(name[:strings.LastIndexByte(name, '/')+1]+"HOW_TO_RECOVER_FILES.txt", "text", 900)
		}
	}, 1, true, []signs.Kind{signs.KindNote}},
	{"all deleted", func(h *simHost, _ int) {
		for _, name := range h.some("", len(h.files)*9/10) {
			delete(h.files, name)
		}
	}, 1, true, []signs.Kind{signs.KindSmaller}},
	{"all but the last forgotten", func(h *simHost, _ int) { h.snapshots = h.snapshots[len(h.snapshots)-1:] }, 1, true, []signs.Kind{signs.KindForgot}},
	{"slow in place", func(h *simHost, _ int) {
		// Of what no backup has seen before nobody can tell what it was.
		names := slices.DeleteFunc(h.some("", 1<<20), func(n string) bool { return h.saved[n].kind == "" || h.files[n].kind == "noise" })
		h.encrypt(names[:len(h.files)/100+1], same)
	}, 3, false, []signs.Kind{signs.KindTurned}},
	{"slow renamed", func(h *simHost, _ int) {
		var fresh []string
		for _, name := range h.some("", 1<<20) {
			if !strings.HasSuffix(name, ".locked") && len(fresh) < len(h.files)/100+1 {
				fresh = append(fresh, name)
			}
		}
		h.encrypt(fresh, func(n string) string { return n + ".locked" })
	}, 3, true, []signs.Kind{signs.KindRenamed}},
}

// Every attack on a host's files is red at the pass after it, a slow one by the third
// day; and nothing is forgotten or dropped from then on.
func TestAttacksAreRed(t *testing.T) {
	harness.NotShort(t)
	t.Parallel()
	seed := harness.Seed(t)
	for _, readable := range []bool{true, false} {
		whole := newFleet(t, harness.SizeRaced(1, 6, 30), seed, fmt.Sprintf("read_types: %t", readable))
		whole.days(12 + int(seed%7))
		if len(whole.told) != 0 {
			t.Fatalf("readable %t: told before the attack: %s", readable, whole.told[0].Text)
		}
		for _, a := range attacks {
			if !readable && !a.sealed {
				continue
			}
			f := whole.copy() // so each attack comes after the same weeks
			where := fmt.Sprintf("%s, readable %t", a.name, readable)
			red := map[string]bool{}
			f.attack = a.do
			for range a.by {
				f.live()
				for name, s := range f.pass() {
					red[name] = red[name] || !s.Green && raised(s, a.kinds)
				}
			}
			f.attack = nil
			for _, name := range slices.Sorted(maps.Keys(f.storages)) {
				s := f.storages[name]
				if !red[name] {
					t.Errorf("%s: %s is not red after %d days", where, name, a.by)
				}
				drops, forgets := s.drops, s.forgets
				f.live()
				f.pass()
				if s.drops != drops || s.forgets != forgets {
					t.Errorf("%s: %s was not frozen", where, name)
				}
			}
		}
	}
}

// raised reports whether there is an alarm of one of the kinds, or any without kinds.
func raised(s *keeper.Status, kinds []signs.Kind) bool {
	return slices.ContainsFunc(s.Alarms, func(a *keeper.Alarm) bool {
		return a.Acked == nil && (len(kinds) == 0 || slices.Contains(kinds, a.Kind))
	})
}
