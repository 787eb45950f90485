package restic

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	engdata "github.com/restic/restic/rwmlink/data"
	engprogress "github.com/restic/restic/rwmlink/progress"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// walkedRepo calls fn with a repository of some snapshots and their trees, one twice.
func walkedRepo(t *testing.T, fn func(ctx context.Context, repo *engrepository.Repository, roots engrestic.IDs)) {
	t.Helper()
	s, _, dir, _ := sampleBackup(t)
	for _, tag := range []string{"two", "three"} {
		if _, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}, Tags: []string{tag}, Excludes: []string{tag + "*"}}); err != nil {
			t.Fatal(err)
		}
	}
	err := s.run(t.Context(), access{index: true}, func(ctx context.Context, repo *engrepository.Repository) error {
		list, err := s.view.load(ctx, repo, nil)
		roots := treeIDs(list.all)
		fn(ctx, repo, append(roots, roots[0]))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFindUsedBlobs compares what is found with what the engine's own walk finds.
func TestFindUsedBlobs(t *testing.T) {
	walkedRepo(t, func(ctx context.Context, repo *engrepository.Repository, roots engrestic.IDs) {
		ours, engines := newBlobSet(repo), newBlobSet(repo)
		if err := findUsedBlobs(ctx, repo, roots, ours, nil); err != nil {
			t.Fatal(err)
		}
		if err := engdata.FindUsedBlobs(ctx, repo, roots, engines, nil); err != nil {
			t.Fatal(err)
		}
		got, want := slices.Collect(ours.Keys()), slices.Collect(engines.Keys())
		if len(want) < 10 || !slices.Equal(got, want) {
			t.Errorf("%d blobs, the engine finds %d", len(got), len(want))
		}
	})
}

// TestWalkTreesOnce walks trees of snapshots that share some.
func TestWalkTreesOnce(t *testing.T) {
	walkedRepo(t, func(ctx context.Context, repo *engrepository.Repository, roots engrestic.IDs) {
		var done uint64
		bar := engprogress.NewCounter(time.Hour, 0, func(n, _ uint64, _ time.Duration, _ bool) { done = n })
		bar.SetMax(uint64(len(roots)))
		seen, walked := engrestic.NewIDSet(), engrestic.NewIDSet()
		var mu sync.Mutex
		err := walkTrees(ctx, repo, roots, bar, func(id engrestic.ID) bool {
			defer seen.Insert(id)
			return seen.Has(id)
		}, func(tree *walkedTree) error {
			mu.Lock()
			defer mu.Unlock()
			if tree.err != nil || engrestic.Hash(tree.raw) != tree.id || walked.Has(tree.id) {
				t.Errorf("tree %v: %v", tree.id, tree.err)
			}
			walked.Insert(tree.id)
			return nil
		})
		bar.Done()
		if err != nil || !walked.Equals(seen) || done != uint64(len(roots)) {
			t.Errorf("%v; %d trees of %d, %d roots of %d", err, len(walked), len(seen), done, len(roots))
		}
	})
}

// TestWalkTreesEnds ends a walk by an error and by its context.
func TestWalkTreesEnds(t *testing.T) {
	walkedRepo(t, func(ctx context.Context, repo *engrepository.Repository, roots engrestic.IDs) {
		defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
		all := func(engrestic.ID) bool { return false }
		failed := errors.New("failed")
		if err := walkTrees(ctx, repo, roots, nil, all, func(*walkedTree) error { return failed }); !errors.Is(err, failed) {
			t.Errorf("%v, not the function's error", err)
		}
		ctx, cancel := context.WithCancel(ctx)
		calls := 0
		var mu sync.Mutex
		err := walkTrees(ctx, repo, roots, nil, all, func(*walkedTree) error {
			mu.Lock()
			defer mu.Unlock()
			calls++
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v after %d calls, not that it was cancelled", err, calls)
		}
	})
}

// TestWalkTreesOfDamage has a tree that ends too early: what stands before is walked.
func TestWalkTreesOfDamage(t *testing.T) {
	walkedRepo(t, func(ctx context.Context, repo *engrepository.Repository, roots engrestic.IDs) {
		nodes := sampleNodes()
		nodes[1].Subtree = &roots[0]
		text := treeText(t, nodes...)
		broken := saveBlob(t, repo, engrestic.TreeBlob, string(text[:len(text)-40])+"}")
		missing := engrestic.Hash([]byte("in no index"))
		var mu sync.Mutex
		found := make(map[engrestic.ID]*walkedTree)
		seen := engrestic.NewIDSet()
		err := walkTrees(ctx, repo, engrestic.IDs{broken, missing}, nil, func(id engrestic.ID) bool {
			defer seen.Insert(id)
			return seen.Has(id)
		}, func(tree *walkedTree) error {
			mu.Lock()
			defer mu.Unlock()
			found[tree.id] = tree
			if tree.id == broken {
				if name := tree.typeName(1); name != "dir" {
					t.Errorf("type %q", name)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if b := found[broken]; b == nil || b.err == nil || len(b.nodes) != len(nodes)-1 {
			t.Errorf("the broken tree: %+v", b)
		}
		if m := found[missing]; m == nil || m.err == nil {
			t.Errorf("the missing tree: %+v", m)
		}
		if r := found[roots[0]]; r == nil || r.err != nil {
			t.Errorf("the tree below the broken one: %+v", r)
		}
	})
}
