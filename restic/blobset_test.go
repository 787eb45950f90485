package restic

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// TestBlobSet compares the set with a plain one, listed in one share and in many.
func TestBlobSet(t *testing.T) {
	s, _, _, _ := sampleBackup(t)
	inIndex(t, s, func(repo *engrepository.Repository, all []engrestic.BlobHandle) {
		set, want := newBlobSet(repo), make(map[engrestic.BlobHandle]int)
		for i, h := range all {
			if i%3 > 0 {
				set.Insert(h)
				want[h] = 1
			}
		}
		stray := engrestic.BlobHandle{Type: engrestic.DataBlob, ID: engrestic.Hash([]byte("in no index"))}
		gone := engrestic.BlobHandle{Type: engrestic.TreeBlob, ID: engrestic.Hash([]byte("nor this"))}
		for _, h := range []engrestic.BlobHandle{stray, gone, stray, all[0]} {
			set.Insert(h)
			want[h] = 1
		}
		for _, h := range []engrestic.BlobHandle{gone, all[1]} {
			set.Delete(h)
			delete(want, h)
		}
		for h := range want {
			if !set.Has(h) {
				t.Errorf("%v is not in the set", h)
			}
		}
		if set.Has(gone) || set.Has(all[1]) {
			t.Error("what was deleted is in the set")
		}
		if set.Len() != len(want) {
			t.Errorf("%d members, not %d", set.Len(), len(want))
		}
		for _, atATime := range []int{1, 2, 7, len(all), keysAtATime} {
			got := make(map[engrestic.BlobHandle]int)
			for h := range set.keys(atATime) {
				got[h]++
			}
			if !maps.Equal(got, want) {
				t.Errorf("%d at a time: %v, not %v", atATime, slices.Collect(maps.Keys(got)), slices.Collect(maps.Keys(want)))
			}
		}
	})
}

// TestBlobSetCostsOnePass: a small set needs the index once.
func TestBlobSetCostsOnePass(t *testing.T) {
	s, _, _, _ := sampleBackup(t)
	inIndex(t, s, func(repo *engrepository.Repository, all []engrestic.BlobHandle) {
		passes := 0
		set := newBlobSet(repo)
		set.repo = countedPasses{repo, &passes}
		for _, h := range all {
			set.Insert(h)
		}
		for atATime, want := range map[int]int{keysAtATime: 1, len(all): 1, len(all) - 1: 3} {
			passes = 0
			if set.keys(atATime)(func(engrestic.BlobHandle) bool { return true }); passes != want {
				t.Errorf("%d blobs, %d at a time: %d passes over the index, not %d", len(all), atATime, passes, want)
			}
		}
	})
}

// countedPasses counts how often the index is listed.
type countedPasses struct {
	blobIndex
	passes *int
}

func (c countedPasses) ListBlobs(ctx context.Context, fn func(engrestic.PackedBlob)) error {
	*c.passes++
	return c.blobIndex.ListBlobs(ctx, fn)
}

// TestBlobSetLeavesTheIndexFree asks for the members while another goroutine of the
// session saves a blob. The engine's own set would stop both for ever.
func TestBlobSetLeavesTheIndexFree(t *testing.T) {
	s, _, _, _ := sampleBackup(t)
	inIndex(t, s, func(repo *engrepository.Repository, all []engrestic.BlobHandle) {
		set := newBlobSet(repo)
		for _, h := range all {
			set.Insert(h)
		}
		done := make(chan int)
		go func() {
			n := 0
			for range set.Keys() {
				n++
				written := make(chan struct{})
				go func() {
					defer close(written)
					saveBlob(t, repo, engrestic.DataBlob, fmt.Sprint("blob ", n)) // takes the write lock
				}()
				<-written
			}
			done <- n
		}()
		select {
		case n := <-done:
			if n != len(all) {
				t.Errorf("%d members, not %d", n, len(all))
			}
		case <-time.After(30 * time.Second):
			t.Fatal("the index stays locked while members are listed")
		}
	})
}

// inIndex calls fn with all blobs of a repository.
func inIndex(t *testing.T, s *Session, fn func(*engrepository.Repository, []engrestic.BlobHandle)) {
	t.Helper()
	err := s.run(t.Context(), access{index: true}, func(ctx context.Context, repo *engrepository.Repository) error {
		var all []engrestic.BlobHandle
		err := repo.ListBlobs(ctx, func(pb engrestic.PackedBlob) { all = append(all, pb.BlobHandle) })
		fn(repo, all)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// saveBlob saves a blob in a pack of its own.
func saveBlob(t *testing.T, repo *engrepository.Repository, kind engrestic.BlobType, content string) (id engrestic.ID) {
	err := repo.WithBlobUploader(t.Context(), func(ctx context.Context, saver engrestic.BlobSaverWithAsync) (err error) {
		id, _, _, err = saver.SaveBlob(ctx, kind, []byte(content), engrestic.ID{}, false)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return id
}
