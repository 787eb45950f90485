package keeper_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cesnet/rwm/keeper"
)

// rename gives the storages of the configuration other names.
func (f *fleet) rename(names map[string]string) {
	storages, configs := map[string]*simStorage{}, map[string]*keeper.StorageConfig{}
	for name, s := range f.storages {
		to := name
		if other, ok := names[name]; ok {
			to = other
		}
		if to != "" {
			storages[to], configs[to] = s, f.cfg.Storages[name]
		}
	}
	f.storages, f.cfg.Storages = storages, configs
}

// attacked is a fleet of which host00 has alarms.
func attacked(t *testing.T, n int) (f *fleet, alarms []string) {
	t.Helper()
	f = newFleet(t, n, 31, "")
	f.days(8)
	attacks[0].do(f.storages["host00"].simHost, f.day)
	f.live()
	for _, a := range f.pass()["host00"].Alarms {
		alarms = append(alarms, a.ID)
	}
	if len(alarms) == 0 {
		t.Fatal("no alarm")
	}
	return f, alarms
}

func open(s *keeper.Status) (ids []string) {
	if s == nil {
		return nil
	}
	for _, a := range s.Alarms {
		if a.Acked == nil {
			ids = append(ids, a.ID)
		}
	}
	return ids
}

// A storage that gets another name keeps its alarms and its past, also if another one
// gets its name; and nothing is told again.
func TestRenamedStorage(t *testing.T) {
	t.Parallel()
	for name, names := range map[string]map[string]string{
		"renamed": {"host00": "archive"}, "swapped": {"host00": "host01", "host01": "host00"},
		"in turn": {"host00": "host01", "host01": "host02", "host02": "host00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, alarms := attacked(t, 3)
			told := len(f.told)
			f.rename(names)
			now := names["host00"]
			before, err := f.keeper().Status(now)
			if err != nil || !slices.Equal(open(before[0]), alarms) {
				t.Errorf("before a pass: %v, %v, not %v", err, open(before[0]), alarms)
			}
			all := f.pass()
			if !slices.Equal(open(all[now]), alarms) || len(all[now].Backups[0].Recent) < 9 || len(all) != 3 {
				t.Errorf("%v of %v, %+v", open(all[now]), alarms, all[now].Backups)
			}
			for other, s := range all {
				if other != now && (!s.Green || len(open(s)) > 0) {
					t.Errorf("%s: %v", other, s.Reds)
				}
			}
			if len(f.told) != told {
				t.Errorf("told again: %+v", f.told[told:])
			}
			if err := f.keeper().Acknowledge(now, "all", "ann", ""); err != nil {
				t.Fatal(err)
			}
			f.live()
			if s := f.pass()[now]; !s.Green {
				t.Errorf("%v", s.Reds)
			}
		})
	}
}

// A storage that is taken out of the configuration, or is given another bucket, with
// alarms that nobody has acknowledged is still reported, and told of once.
func TestRemovedStorage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(f *fleet)
		orphan string
	}{
		"removed": {func(f *fleet) { f.rename(map[string]string{"host00": ""}) }, "host00"},
		"another bucket": {func(f *fleet) {
			f.cfg.Storages["host00"].ResticBucket = "new"
			f.storages["host00"] = &simStorage{simHost: newSimHost("new", 5, lives[0]), clock: f.storages["host00"].clock}
			f.storages["host00"].backup(f.now)
		}, "host00.old1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, alarms := attacked(t, 2)
			told := len(f.told)
			c.change(f)
			for range 3 {
				f.live()
				all := f.pass()
				s := all[c.orphan]
				if !slices.Equal(open(s), alarms) || s.Green || !strings.Contains(s.Reds[0].Sentence, "no longer in the configuration") ||
					!strings.HasSuffix(s.Reds[0].Command, " ack "+c.orphan+" all") {
					t.Fatalf("%+v", s)
				}
				for other, s := range all {
					if other != c.orphan && !s.Green {
						t.Errorf("%s: %v", other, s.Reds)
					}
				}
			}
			if len(f.told) < told+1 || f.told[told].Storage != c.orphan {
				t.Errorf("told %+v", f.told[told:])
			}
			for _, more := range f.told[min(len(f.told), told+1):] {
				if more.Storage == c.orphan {
					t.Errorf("told again: %+v", more)
				}
			}
			if err := f.keeper().Acknowledge(c.orphan, "all", "ann", "given up"); err != nil {
				t.Fatal(err)
			}
			if s := f.pass()[c.orphan]; s != nil {
				t.Errorf("still there: %+v", s.Reds)
			}
		})
	}
}

// What was known and cannot be read is red until a person has looked, and kept.
func TestLostRecordIsRed(t *testing.T) {
	t.Parallel()
	f, _ := attacked(t, 1)
	file := filepath.Join(f.cfg.StateDir, "storages", "host00.json")
	if err := os.WriteFile(file, []byte(`{"version":`), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		f.live()
		if s := f.pass()["host00"]; !slices.Contains(codes(s), "state-lost") || !s.Frozen {
			t.Errorf("red for %v", codes(s))
		}
	}
	if text, err := os.ReadFile(file + ".unreadable"); err != nil || string(text) != `{"version":` {
		t.Errorf("%v %q", err, text)
	}
	if err := f.keeper().Acknowledge("host00", "state", "ann", ""); err != nil {
		t.Fatal(err)
	}
	if s := f.pass()["host00"]; slices.Contains(codes(s), "state-lost") {
		t.Errorf("red for %v", codes(s))
	}
}
