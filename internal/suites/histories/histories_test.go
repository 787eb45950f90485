package histories

import (
	"cmp"
	"errors"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// Honest use raises no alarm, and what must be kept is kept.
func TestHonest(t *testing.T) { each(t, 0, (*world).honest) }

// Whatever an attacker with the host's keys and the password does: what is named good
// is good, and nothing that is to be kept is lost.
func TestAttacked(t *testing.T) { each(t, 1<<32, (*world).attacked) }

// queued is a server with a clock of its own: one history at a time.
type queued struct {
	*s3test.Server
	sync.Mutex
	dialect string
}

// each runs histories, each named by its seed, some at a time. RWM_SEED is the first
// seed. One alone: go test -run 'TestAttacked/^17$'.
func each(t *testing.T, what uint64, run func(*world)) {
	harness.NotShort(t)
	first, _ := harness.FirstSeed(t, 1)
	n := harness.Size(50, 500)
	dialects := []string{"aws", "rgw", "rgw18", "rgw20"}
	if os.Getenv("RWM_TEST_S3") != "" {
		dialects = []string{cmp.Or(os.Getenv("RWM_TEST_S3_DIALECT"), "rgw")} // a real one
	}
	var servers []*queued
	for _, name := range dialects {
		srv := s3test.Start(t, s3test.Dialect(name))
		servers = append(servers, &queued{Server: srv, dialect: name})
		if !srv.Controlled() { // a real one, where no clock can be moved
			n = harness.Size(2, 25)
			break
		}
	}
	for seed := first; seed < first+uint64(n); seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			srv := servers[seed%uint64(len(servers))]
			if srv.Controlled() {
				srv.Lock()
				defer srv.Unlock()
			}
			run(newWorld(t, srv, what+seed))
		})
	}
}

// begin makes the bucket and the repository.
func (w *world) begin() {
	_, err := w.manages("").Storage().Create(w.ctx, w.bucket, w.srv.Host.Name, s3state.CreateOptions{})
	must(w, err)
	if w.r.IntN(8) == 0 {
		w.note("init that is killed")
		hook := &on{base: w.base, method: "PUT", part: "/config"}
		hook.do = func() error { hook.dead.Store(true); return nil }
		s, err := w.of(w.hosts[0], through{rt: hook, opts: []restic.Option{restic.WithRetryFor(0)}}).InitRepository(w.ctx)
		if err == nil {
			_ = s.Close()
		}
		w.pass(time.Minute)
		for _, key := range w.keys("") { // as the next attempt advises
			w.remove(key)
		}
	}
	version := uint(2)
	if w.r.IntN(5) == 0 {
		version = 1
	}
	w.note("init, version %d, %d hosts", version, len(w.hosts))
	s, err := w.of(w.hosts[0], through{}).InitRepository(w.ctx, restic.WithRepositoryVersion(version))
	must(w, err)
	must(w, s.Close())
	w.quiet("init", false)
	w.step(deeds[0])
}

// step is an honest deed, after which most often a state is saved.
func (w *world) step(d deed) {
	w.wait()
	w.note("%s", d.name)
	if err := d.do(w); err != nil {
		if errors.Is(err, errLoss) {
			w.Fatal(err)
		}
		w.Fatalf("%s: %v", d.name, err)
	}
	state := w.r.IntN(10) < 7
	if state {
		w.note("   state saved")
		must(w, w.saveState(w.hosts[0]))
	}
	w.quiet(d.name, state)
}

func (w *world) draw() deed {
	sum := 0
	for _, d := range deeds {
		sum += d.weight
	}
	n := w.r.IntN(sum)
	for _, d := range deeds {
		if n -= d.weight; n < 0 {
			return d
		}
	}
	return deeds[0]
}

func (w *world) honest() {
	w.begin()
	for range 3 + w.r.IntN(harness.Size(4, 10)) {
		w.step(w.draw())
	}
	w.judge()
	if err := w.allThere(1); err != nil {
		w.Errorf("in the end: %v", err)
	}
}

func (w *world) attacked() {
	w.begin()
	for range 1 + w.r.IntN(4) {
		w.step(w.draw())
	}
	if w.r.IntN(4) == 0 {
		w.beginUploads()
	}
	w.wait()
	s := w.unlock()
	w.truth.attack, w.hasty = w.now(), true
	w.pass(time.Second)
	for i := range 1 + w.r.IntN(4) {
		if i > 0 {
			w.wait()
			w.unaware()
		}
		a := one(w, attacks)
		w.note("ATTACK: %s", a.name)
		if err := a.do(w, s); err != nil {
			w.note("   ended with %v", err)
		}
	}
	w.wait()
	w.unaware()
	w.judge()
}

// unaware is what hosts do that have not noticed anything.
func (w *world) unaware() {
	for range w.r.IntN(3) {
		d := one(w, []deed{deeds[0], {name: "forget and prune", do: forget(true)}, {name: "state", do: func(w *world) error { return w.saveState(w.hosts[0]) }}})
		w.note("%s", d.name)
		if err := d.do(w); err != nil {
			w.note("   ended with %v", err)
		}
		w.wait()
	}
}
