package restic

import (
	"context"
	"testing"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// TestReaderFasterThanPlanner: a blob that was asked for before it was planned is
// loaded by the reader, and not ahead as well.
func TestReaderFasterThanPlanner(t *testing.T) {
	s, _ := initMemory(t)
	mustBackup(t, s, writeTree(t, map[string]string{"a": noise(3000, 1)}))
	err := s.inSnapshot(t.Context(), "latest", SnapshotFilter{}, func(ctx context.Context, repo *engrepository.Repository, _ *engdata.Snapshot, _ string) error {
		r, err := s.bareReader(repo)
		if err != nil {
			return err
		}
		ctx, end := context.WithCancel(ctx)
		d := newDataAhead(ctx, r, dumpCache)
		defer func() { end(); d.wait() }()
		var ids []ID
		err = repo.ListBlobs(ctx, func(b engrestic.PackedBlob) {
			if b.Type == engrestic.DataBlob {
				ids = append(ids, ID(b.ID))
			}
		})
		if err != nil || len(ids) != 1 {
			t.Fatal(ids, err)
		}
		if d.take(ctx, ids[0]) != nil {
			t.Error("there is a blob that was never planned")
		}
		if !d.plan(ids[0]) || len(d.blobs) > 0 {
			t.Error("a blob that the reader has loaded was planned")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
