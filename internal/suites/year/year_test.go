package year

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/s3state"
)

// start is the first day, at noon.
var start = time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)

// Schedules of one server go through the year together, by its clock.
const together = 20

// TestYear lives through 100 years with attacks, 10,000 with RWM_TEST_ALL, or as many
// as RWM_YEARS says. The seeds of a run are printed; RWM_SEED runs the year of one seed
// alone, or with RWM_YEARS, those from it on. RWM_YEARS_WITHIN is a duration after
// which no more years begin.
func TestYear(t *testing.T) {
	t.Parallel()
	n := harness.Size(100, 10_000)
	seed, given := harness.FirstSeed(t, rand.Uint64()/together*together)
	if given {
		n = 1
	}
	if text := os.Getenv("RWM_YEARS"); text != "" {
		years, err := strconv.Atoi(text)
		if err != nil || years < 1 {
			t.Fatalf("RWM_YEARS=%s: %v", text, err)
		}
		n = years
	}
	within := time.Duration(math.MaxInt64)
	if text := os.Getenv("RWM_YEARS_WITHIN"); text != "" {
		var err error
		if within, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	began, lived := time.Now(), atomic.Int64{}
	t.Logf("seeds %d to %d", seed, seed+uint64(n)-1)
	t.Cleanup(func() {
		t.Logf("%d of %d years were lived, in %s", lived.Load(), n, time.Since(began).Round(time.Second))
	})
	for first := 0; first < n; first += together {
		t.Run(fmt.Sprint("from ", seed+uint64(first)), func(t *testing.T) {
			t.Parallel()
			if time.Since(began) > within {
				t.Skip("the time is up")
			}
			liveAll(t, seed+uint64(first), min(together, n-first))
			lived.Add(int64(min(together, n-first)))
		})
	}
}

func liveAll(t *testing.T, seed uint64, n int) {
	dialects := []string{"aws", "rgw"}
	srv := s3test.Start(t, s3test.Dialect(dialects[seed/together%2]))
	var now atomic.Int64
	clock := func() time.Time { return time.Unix(now.Load(), 0).UTC() }
	move := func(at time.Time) {
		now.Store(at.Unix())
		srv.FreezeClock(t, at)
	}
	move(start)
	// Renewals that end half-way cancel requests. net/http may then end another one on the
	// same connection (package reqctx), and those of the hosts here are not repeated.
	rt, ofKeepers := &http.Transport{MaxIdleConnsPerHost: 64}, &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(rt.CloseIdleConnections)
	t.Cleanup(ofKeepers.CloseIdleConnections)
	dir := t.TempDir()
	all := make([]*schedule, n)
	for i := range all {
		s := &schedule{
			seed: seed + uint64(i), now: clock, bucket: fmt.Sprint("year-", seed+uint64(i)), fail: &failing{rt: ofKeepers},
			versions: map[string]*version{}, parts: map[string][]string{}, pruned: map[string]time.Time{},
		}
		s.fail.after.Store(never)
		for r, id := range []s3test.Identity{srv.Host, srv.Host2, srv.Admin} {
			var via http.RoundTripper = rt
			if role(r) == keeper {
				via = s.fail
			}
			s.clients[r] = srv.ClientVia(t, id, via)
			s.stores[r] = s3state.New(s.clients[r], s3state.WithTransport(via), s3state.WithClock(clock),
				s3state.WithRetries(1, time.Millisecond), s3state.WithParallel(4))
		}
		s.plan()
		all[i] = s
	}
	each := func(atOnce int, fn func(context.Context, *schedule) error) {
		g, ctx := errgroup.WithContext(t.Context())
		g.SetLimit(atOnce)
		for _, s := range all {
			g.Go(func() error { return fn(ctx, s) })
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	each(n, func(ctx context.Context, s *schedule) error {
		return s.begin(ctx, srv.Host.Name, srv.Host2.Name, dir)
	})
	for today := range days {
		move(start.Add(time.Duration(today) * day))
		each(8, func(ctx context.Context, s *schedule) error { return s.live(ctx) })
	}
	each(8, func(ctx context.Context, s *schedule) error {
		return cmp.Or(s.reclaimed(ctx), s.verify(ctx, s.now().Add(1000*day)))
	})
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
