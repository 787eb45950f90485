package restic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	engbackend "github.com/restic/restic/rwmlink/backend"
	engdata "github.com/restic/restic/rwmlink/data"
	engdump "github.com/restic/restic/rwmlink/dump"
	engrepository "github.com/restic/restic/rwmlink/repository"
)

// dumpSource is a directory with all that a dump meets: odd names, hard links, empty
// files and directories, large files, and the same content many times.
func dumpSource(t *testing.T, rng *rand.Rand) string {
	dir := t.TempDir()
	contents := make([]string, 12)
	for i := range contents {
		contents[i] = noise([]int{0, 1, 500, 4000, 20_000, 200_000}[i%6], rng.Uint64())
	}
	names := []string{"a", "b b", "ä", "x\ny", `q"\t`, "-n", "z.z", "\xff\xfe"}
	var fill func(dir string, depth int)
	fill = func(dir string, depth int) {
		for range 2 + rng.IntN(6) {
			path := filepath.Join(dir, names[rng.IntN(len(names))]+fmt.Sprint(rng.IntN(20)))
			if _, err := os.Lstat(path); err == nil {
				continue
			}
			var err error
			switch kind := rng.IntN(10); {
			case kind < 3 && depth < 4:
				if err = os.Mkdir(path, 0o755); err == nil && rng.IntN(4) > 0 {
					fill(path, depth+1)
				}
			case kind == 3:
				err = os.Symlink("a", path)
			case kind == 4:
				if err = os.WriteFile(path, []byte("linked"), 0o600); err == nil {
					err = os.Link(path, path+".link")
				}
			default:
				err = os.WriteFile(path, []byte(contents[rng.IntN(len(contents))]), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	fill(dir, 0)
	return dir
}

// TestDumpAhead compares dumps with the engine's own, with limits so small that the
// planner has to wait for the dumper, and the dumper often comes before it.
func TestDumpAhead(t *testing.T) {
	seed := harness.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 1))
	s, m := initMemory(t)
	for range harness.Size(1, 3) {
		mustBackup(t, s, dumpSource(t, rng))
		var loads atomic.Int64
		m.before(func(op string, h engbackend.Handle) error {
			if op == "load" && h.Type == engbackend.PackFile {
				loads.Add(1)
			}
			return nil
		})
		for _, format := range []string{"tar", "zip"} {
			dump := func(limit int64) (out []byte) {
				var buf bytes.Buffer
				err := s.inSnapshot(t.Context(), "latest", SnapshotFilter{}, func(ctx context.Context, repo *engrepository.Repository, sn *engdata.Snapshot, _ string) error {
					if limit < 0 {
						return dumpTree(ctx, repo, engdump.New(format, repo, &buf), *sn.Tree, "/")
					}
					r, err := s.bareReader(repo)
					if err != nil {
						return err
					}
					a := newDumpAhead(ctx, r, repo)
					defer a.stop()
					a.room, a.batch = limit, limit/4
					a.begin(func(a *dumpAhead) { a.planTree(*sn.Tree) })
					return dumpTree(ctx, a, engdump.New(format, a, &buf), *sn.Tree, "/")
				})
				if err != nil {
					t.Fatal(err)
				}
				return buf.Bytes()
			}
			want := dump(-1)
			theirs := loads.Swap(0)
			for _, limit := range []int64{0, 1 << 10, 1 << 20, aheadData} {
				if got := dump(limit); !bytes.Equal(got, want) {
					t.Errorf("%s, limit %d: %d bytes differ from the engine's %d", format, limit, len(got), len(want))
				}
				if ours := loads.Swap(0); limit == aheadData && ours > theirs {
					t.Errorf("%s: %d requests, the engine needs %d", format, ours, theirs)
				}
			}
		}
	}
}

// TestDumpAheadOfDamage: what cannot be loaded is reported as the engine does, with the
// same part of the archive before it.
func TestDumpAheadOfDamage(t *testing.T) {
	s, m := initMemory(t)
	mustBackup(t, s, writeTree(t, map[string]string{"a": noise(3000, 1), "b": noise(5000, 2), "c": noise(7000, 3)}))
	for name, trees := range map[string]bool{"data": false, "trees": true} {
		failed := 0
		m.before(func(op string, h engbackend.Handle) error {
			if op == "load" && h.Type == engbackend.PackFile && h.IsMetadata == trees {
				failed++
				return errInjected
			}
			return nil
		})
		var sides [2]string
		for i, ahead := range []bool{false, true} {
			failed = 0
			var out bytes.Buffer
			err := s.inSnapshot(t.Context(), "latest", SnapshotFilter{}, func(ctx context.Context, repo *engrepository.Repository, sn *engdata.Snapshot, _ string) error {
				if !ahead {
					return dumpTree(ctx, repo, engdump.New("tar", repo, &out), *sn.Tree, "/")
				}
				return s.dumpAhead(ctx, repo, func(a *dumpAhead) { a.planTree(*sn.Tree) }, func(l blobLoader) error {
					return dumpTree(ctx, l, engdump.New("tar", l, &out), *sn.Tree, "/")
				})
			})
			if !errors.Is(err, errInjected) || failed == 0 {
				t.Errorf("%s: %v after %d failures", name, err, failed)
			}
			sides[i] = fmt.Sprintf("%v, %x", err, out.Bytes())
		}
		if sides[0] != sides[1] {
			t.Errorf("%s: %.300s\nthe engine: %.300s", name, sides[1], sides[0])
		}
		m.before(nil)
		if err := s.Dump(t.Context(), DumpOptions{Snapshot: "latest", Path: "/"}, &bytes.Buffer{}); err != nil {
			t.Errorf("%s: %v once the storage works again", name, err)
		}
	}
}

// TestDumpAheadOfSecondCopies: what has a second copy is dumped.
func TestDumpAheadOfSecondCopies(t *testing.T) {
	s, m := initMemory(t)
	dir := writeTree(t, map[string]string{"a": noise(3000, 1), "b": noise(5000, 2), "c": noise(7000, 3)})
	// The other session does not know what the first one saves.
	other := openAgain(t, m, WithLockDir(t.TempDir()), WithRetryFor(0))
	mustBackup(t, other, writeTree(t, map[string]string{"x": "y"}))
	packs := func() map[string]bool {
		names := make(map[string]bool)
		err := m.Backend.List(t.Context(), engbackend.PackFile, func(fi engbackend.FileInfo) error {
			names[fi.Name] = true
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	before := packs()
	mustBackup(t, s, dir)
	first := packs()
	mustBackup(t, other, dir)
	second := packs()
	reader := openAgain(t, m, WithLockDir(t.TempDir()), WithRetryFor(0))
	var want bytes.Buffer
	if err := reader.Dump(t.Context(), DumpOptions{Snapshot: "latest", Path: "/"}, &want); err != nil {
		t.Fatal(err)
	}
	lost := map[string]func(pack string) bool{
		"the first":  func(pack string) bool { return first[pack] && !before[pack] },
		"the second": func(pack string) bool { return second[pack] && !first[pack] },
	}
	// Which copy is asked for first is chosen anew at every opening.
	var failed atomic.Int64
	for try := 0; try < 50 && failed.Load() == 0; try++ {
		for name, lost := range lost {
			m.before(func(op string, h engbackend.Handle) error {
				if op == "load" && h.Type == engbackend.PackFile && !h.IsMetadata && lost(h.Name) {
					failed.Add(1)
					return errInjected
				}
				return nil
			})
			var out bytes.Buffer
			reader := openAgain(t, m, WithLockDir(t.TempDir()), WithRetryFor(0))
			err := reader.Dump(t.Context(), DumpOptions{Snapshot: "latest", Path: "/"}, &out)
			if err != nil || !bytes.Equal(out.Bytes(), want.Bytes()) {
				t.Errorf("without %s: %d bytes of %d after %d failures: %v", name, out.Len(), want.Len(), failed.Load(), err)
			}
			m.before(nil)
		}
	}
	if failed.Load() == 0 {
		t.Error("nothing was asked of what is lost")
	}
}

// TestDumpAheadEnds cancels dumps while requests are under way that do not end by
// themselves at once, and dumps into writers that fail: when Dump returns, all have
// ended, and no other begins.
func TestDumpAheadEnds(t *testing.T) {
	s, m := initMemory(t)
	mustBackup(t, s, dumpSource(t, rand.New(rand.NewPCG(1, 2))))
	for range 3 {
		for name, writer := range map[string]*failingWriter{"cancelled": {after: 1 << 30}, "failing": {after: 1 << 12}} {
			ctx, cancel := context.WithCancel(t.Context())
			var begun, open atomic.Int64
			m.before(func(op string, h engbackend.Handle) error {
				if op != "load" || h.Type != engbackend.PackFile || h.IsMetadata {
					return nil
				}
				open.Add(1)
				defer open.Add(-1)
				begun.Add(1)
				if name == "cancelled" {
					cancel()
				}
				time.Sleep(20 * time.Millisecond) // as a request that is slow to end
				return nil
			})
			err := s.Dump(ctx, DumpOptions{Snapshot: "latest", Path: "/"}, writer)
			if now := open.Load(); now != 0 || name == "cancelled" && begun.Load() == 0 {
				t.Errorf("%s: %d of %d requests are still under way", name, now, begun.Load())
			}
			if want := map[string]error{"cancelled": context.Canceled, "failing": errInjected}[name]; !errors.Is(err, want) {
				t.Errorf("%s: %v", name, err)
			}
			after := begun.Load()
			runtime.Gosched()
			if now := begun.Load(); now != after {
				t.Errorf("%s: %d requests after the dump's end", name, now-after)
			}
			cancel()
			m.before(nil)
		}
	}
}
