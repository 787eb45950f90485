package keeper_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/keeper"
)

// simLock is the lock of a simulated bucket: each version that is needed is locked for
// some days when it is written, and until a renewal at the latest.
type simLock struct {
	days   int
	until  time.Time // of everything needed; zero if the lock was lost
	lost   bool      // the default retention was taken off the bucket
	frozen string    // why the last renewal extended everything
}

func (s *simStorage) Renew(_ context.Context, freeze string) (*keeper.Renewal, error) {
	if err := s.fails("renew"); err != nil {
		return nil, err
	}
	if s.lock == nil {
		return nil, keeper.ErrNotLocked
	}
	s.lock.frozen = freeze
	if s.lock.lost {
		return &keeper.Renewal{Floor: s.lock.until, Problems: []string{"the bucket has no default retention"}}, nil
	}
	s.lock.until = s.clock().AddDate(0, 0, s.lock.days)
	return &keeper.Renewal{Extended: 1, Needed: 1, Floor: s.lock.until, Kept: true}, nil
}

// sealed is what a storage without a password answers.
var errSealed = errors.New("the repository's password is not configured")

// TestQuarter lets a fleet live for a quarter, with locked buckets, hosts whose
// password the keeper does not have, and troubles at random: locks that are lost, a
// keeper that is dead for weeks, outages, attacks. Whatever is wrong with a storage is
// red at the pass after it; nothing else is, ever; and each change is told once.
func TestQuarter(t *testing.T) {
	harness.NotShort(t)
	t.Parallel()
	seed := harness.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 2))
	f := newFleet(t, harness.SizeRaced(2, 6, 50), seed, "")
	var locked, sealed []string
	for i := range len(f.storages) {
		name := fmt.Sprintf("host%02d", i)
		switch i % 3 {
		case 0:
			locked = append(locked, name)
			f.storages[name].lock = &simLock{days: 21}
		case 1:
			sealed = append(sealed, name)
			f.seal(name)
		}
	}
	wrong := map[string]string{} // the code that a storage is red for
	check := func(all map[string]*keeper.Status) {
		t.Helper()
		for name, s := range all {
			code := wrong[name]
			switch {
			case code == "" && !s.Green:
				t.Errorf("day %d: %s is red for nothing: %v", f.day, name, s.Reds)
			case code != "" && !slices.ContainsFunc(codes(s), func(c string) bool { return strings.HasPrefix(c, code) }):
				t.Errorf("day %d: %s is red for %v, not for %s", f.day, name, codes(s), code)
			}
		}
	}
	deadFrom, deadFor := 14+rng.IntN(6), 15+rng.IntN(6)
	days := harness.SizeRaced(45, 60, 92)
	for d := range days {
		f.live()
		if d >= deadFrom && d < deadFrom+deadFor {
			for _, s := range f.storages { // put right before anybody looks again
				if s.outage = false; s.lock != nil {
					s.lock.lost = false
				}
			}
			clear(wrong)
			// Nothing runs, and who asks is told so, after two days.
			all, err := f.keeper().Status()
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range all {
				if late := d-deadFrom >= 2; late && !slices.Contains(codes(s), "not-run") {
					t.Errorf("day %d: %s does not say that the keeper is dead: %v", d, s.Storage, codes(s))
				}
			}
			continue
		}
		switch { // what was put right is green again
		case d%11 == 5:
			name := locked[rng.IntN(len(locked))]
			f.storages[name].lock.lost, wrong[name] = true, "renew"
		case d%11 == 8:
			for _, name := range locked {
				f.storages[name].lock.lost = false
				delete(wrong, name)
			}
		case d%13 == 3:
			name := sealed[rng.IntN(len(sealed))]
			f.storages[name].outage, wrong[name] = true, "unreachable"
		case d%13 == 4:
			for _, name := range sealed {
				if f.storages[name].outage {
					f.storages[name].outage = false
					delete(wrong, name)
				}
			}
		}
		check(f.pass())
		if t.Failed() {
			return
		}
	}
	// Each was told when it became red, and when it was green again: in turn.
	last := map[string]bool{}
	for _, told := range f.told {
		if red, seen := last[told.Storage]; seen && red == !told.Green && told.Green {
			t.Errorf("%s was told twice to be green", told.Storage)
		}
		last[told.Storage] = !told.Green
	}
	if len(f.told) == 0 {
		t.Error("nothing was told in a quarter with troubles")
	}
	// Ransomware on the last day: what is locked is extended whole, deleted objects
	// too.
	for _, name := range locked {
		s := f.storages[name]
		s.lock.lost, s.outage = false, false
		s.encrypt(s.some("", 1<<20), func(n string) string { return n + ".akira" })
	}
	f.live()
	all := f.pass()
	for _, name := range locked {
		if s := all[name]; s.Green || !s.Frozen || f.storages[name].lock.frozen == "" || s.Floor.Before(f.now.AddDate(0, 0, 20)) {
			t.Errorf("%s: green %t, frozen %t, renewal %q, floor %s", name, s.Green, s.Frozen, f.storages[name].lock.frozen, s.Floor)
		}
	}
}

// seal takes the password of a storage from the keeper: what needs it is off.
func (f *fleet) seal(name string) {
	f.storages[name].sealed = true
	c := f.cfg.Storages[name]
	c.ResticPassword = keeper.Secret{}
	for _, every := range []*keeper.Every{&c.Prove, &c.Signs, &c.Drill, &c.ReadAllWithin, &c.Forget, &c.Drop} {
		*every = keeper.Never()
	}
}
