package keeper_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/keeper"
)

// What happens to storages and hosts is red at the next pass, is told once, and green
// again is told once. The other storages stay green.
func TestTroublesAreRedAndToldOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		begin, end func(s *simStorage)
		code       string
		ack        string
	}{
		"outage":      {func(s *simStorage) { s.outage = true }, func(s *simStorage) { s.outage = false }, "unreachable", ""},
		"lost policy": {func(s *simStorage) { s.policy = "versioning is off" }, func(s *simStorage) { s.policy = "" }, "policy", ""},
		"damage":      {func(s *simStorage) { s.damaged = true }, func(s *simStorage) { s.damaged = false }, "prove", ""},
		"history": {func(s *simStorage) {
			s.marks = []keeper.Mark{{Time: s.clock(), Key: "data/00/x", Reason: "a pack was overwritten with something else"}}
		}, func(*simStorage) {}, "history", "history"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, 3, 7, "")
			f.days(8)
			s := f.storages["host01"]
			c.begin(s)
			for day := range 4 {
				f.live()
				all := f.pass()
				if !slices.Contains(codes(all["host01"]), c.code) {
					t.Errorf("day %d: red for %v, not for %s", day, codes(all["host01"]), c.code)
				}
				for _, other := range []string{"host00", "host02"} {
					if !all[other].Green {
						t.Errorf("day %d: %s is red, too: %v", day, other, codes(all[other]))
					}
				}
			}
			for _, r := range f.told[0].Reds {
				if r.Sentence == "" || r.Command == "" || !strings.HasPrefix(r.Command, "rwm ") {
					t.Errorf("red %+v", r)
				}
			}
			c.end(s)
			if c.ack != "" {
				if err := f.keeper().Acknowledge("host01", c.ack, "ann", ""); err != nil {
					t.Fatal(err)
				}
			}
			f.live()
			if all := f.pass(); !all["host01"].Green {
				t.Errorf("not green again: %v", codes(all["host01"]))
			}
			titles := map[string]int{}
			for _, told := range f.told {
				titles[told.Title]++
			}
			if titles["RWM: host01 is green again"] != 1 || titles["RWM: host01 is RED"] < 1 || len(titles) != 2 {
				t.Errorf("told %v", titles)
			}
			seen := map[string]bool{}
			for _, told := range f.told {
				for _, r := range told.Reds {
					if seen[r.Code] {
						t.Errorf("told twice of %s", r.Code)
					}
					seen[r.Code] = true
				}
			}
		})
	}
}

// A pass that is killed anywhere goes on where it was, and nothing is told of it.
func TestKilledPassGoesOn(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"survey", "policy", "history", "prove", "snapshots", "forget", "drop", "read", "drill"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, 1, 11, "")
			f.live()
			ctx, cancel := context.WithCancel(t.Context())
			s := f.storages["host00"]
			s.dies, s.kill = method, cancel
			report, err := f.keeper().Pass(ctx)
			if !errors.Is(err, context.Canceled) || report == nil || report.Green() {
				t.Fatalf("error %v", err)
			}
			if len(f.told) != 0 {
				t.Errorf("told %+v", f.told)
			}
			done := s.forgets
			f.now = f.now.Add(time.Minute)
			for name, st := range f.pass() {
				if !st.Green {
					t.Errorf("%s: %v", name, st.Reds)
				}
			}
			if method == "drill" && s.forgets != done {
				t.Error("what was done was done again")
			}
		})
	}
}

// After the machine was off everything is made up for, and the wait itself is not
// taken for the hosts' fault.
func TestMachineWasOff(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3, 13, "")
	f.days(10)
	for range 9 {
		f.live() // no pass
	}
	if all, err := f.keeper().Status(); err != nil || all[0].Green || !slices.Contains(codes(all[0]), "not-run") {
		t.Errorf("nothing is red though nothing ran: %v, %v", all[0].Reds, err)
	}
	for name, s := range f.pass() {
		if !s.Green {
			t.Errorf("%s: %v", name, s.Reds)
		}
		if n := s.Backups[0].Snapshots; n != 19 {
			t.Errorf("%s: %d snapshots were looked at", name, n)
		}
	}
}

// A host that stops is red within what is configured, and for nothing but that.
func TestStoppedHost(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3, 17, "")
	f.days(10)
	f.days(4, "host02")
	red := map[string]bool{}
	for _, told := range f.told {
		for _, r := range told.Reds {
			code, _, _ := strings.Cut(r.Code, "-missing")
			red[told.Storage+" "+code] = true
		}
	}
	if !red["host02 no-backup"] || !red["host02 alarm"] || len(red) != 2 {
		t.Errorf("red for %v", red)
	}
	f.live()
	if all := f.pass(); !all["host02"].Green {
		t.Errorf("not green again: %v", all["host02"].Reds)
	}
}

// A state directory that cannot be written makes storages red and the pass an error;
// once there is room again, all is well.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, 19, "")
	f.live()
	f.pass()
	dir := filepath.Join(f.cfg.StateDir, "storages")
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f.live()
	report, err := f.keeper().Pass(t.Context())
	if err == nil || report == nil || report.Green() {
		t.Fatalf("error %v", err)
	}
	if err := errors.Join(os.Remove(dir), os.Rename(dir+".away", dir)); err != nil {
		t.Fatal(err)
	}
	for name, s := range f.pass() {
		if !s.Green {
			t.Errorf("%s: %v", name, s.Reds)
		}
	}
}

// Losing the state costs time only: an attack that was seen is seen again.
func TestLostState(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, 23, "")
	f.days(8)
	attacks[0].do(f.storages["host00"].simHost, f.day)
	f.live()
	first := f.pass()["host00"]
	for _, content := range []string{"", "{broken"} {
		file := filepath.Join(f.cfg.StateDir, "storages", "host00.json")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		again := f.pass()["host00"]
		if again.Green || len(again.Alarms) == 0 || again.Alarms[0].ID != first.Alarms[0].ID {
			t.Errorf("after the loss: %v, before: %v", codes(again), codes(first))
		}
	}
}

// Two passes never run at once.
func TestOnePassAtATime(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, 29, "")
	f.live()
	var inner error
	k := f.keeper(keeper.WithEvents(func(e keeper.Event) {
		if _, ok := e.(keeper.TaskStarted); ok && inner == nil {
			_, inner = f.keeper().Pass(t.Context())
		}
	}))
	if _, err := k.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(inner, keeper.ErrPassRunning) {
		t.Errorf("the second pass: %v", inner)
	}
}
