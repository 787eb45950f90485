package restic

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	engbackend "github.com/restic/restic/rwmlink/backend"
	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
)

// TestFindAhead compares searches of snapshots that share directories with one that
// reads every tree again, in the matches, their order and the requests.
func TestFindAhead(t *testing.T) {
	seed := harness.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 3))
	s, m := initMemory(t)
	dir := dumpSource(t, rng)
	for i := range 4 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("new%d", i)), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		mustBackup(t, s, dir)
	}
	mustBackup(t, s, dumpSource(t, rng))
	var loads atomic.Int64
	m.before(func(op string, h engbackend.Handle) error {
		if op == "load" && h.Type == engbackend.PackFile {
			loads.Add(1)
		}
		return nil
	})
	for _, o := range []FindOptions{
		{Patterns: []string{"*1"}}, {Patterns: []string{"a*", "*.link"}}, {Patterns: []string{"Z*"}, IgnoreCase: true},
		{Patterns: []string{filepath.ToSlash(dir) + "/*"}}, {Patterns: []string{"*"}, Newest: time.Now().Add(-time.Hour)},
		{Patterns: []string{"*"}, OldestFirst: true}, {Patterns: []string{"nothing"}},
	} {
		var sides [2][]string
		var requests [2]int64
		for i, ahead := range []bool{false, true} {
			loads.Store(0)
			take := func(hit Found) error {
				sides[i] = append(sides[i], fmt.Sprintf("%s %s %+v", hit.Snapshot.ID.Short(), hit.Path, *hit.Node))
				return nil
			}
			var err error
			if ahead {
				err = s.Find(t.Context(), o, take)
			} else {
				err = findPlainly(t.Context(), s, o, take)
			}
			if err != nil {
				t.Fatal(err)
			}
			requests[i] = loads.Load()
		}
		if !slices.Equal(sides[0], sides[1]) {
			t.Errorf("%+v: %d matches differ from %d", o, len(sides[1]), len(sides[0]))
		}
		if requests[1] > requests[0] {
			t.Errorf("%+v: %d requests, %d without looking ahead", o, requests[1], requests[0])
		}
	}
}

func findPlainly(ctx context.Context, s *Session, o FindOptions, fn func(Found) error) error {
	rep := s.reporter(nil)
	defer rep.stop()
	var list engdata.Snapshots
	choose := func(ctx context.Context, repo *engrepository.Repository) (err error) {
		list, err = s.view.choose(ctx, repo, o.Filter, rep)
		return err
	}
	return s.run(ctx, access{index: true, choose: choose}, func(ctx context.Context, repo *engrepository.Repository) error {
		if !o.OldestFirst {
			slices.Reverse(list)
		}
		f := finder{ctx: ctx, repo: repo, o: o, rep: rep, fn: fn}
		for _, sn := range list {
			if err := f.snapshot(sn); err != nil {
				return err
			}
		}
		return nil
	})
}
