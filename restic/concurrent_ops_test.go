package restic

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// TestOneSessionManyUsers runs everything at the same time in one session. Run with
// -race it looks for races, too.
func TestOneSessionManyUsers(t *testing.T) {
	t.Parallel()
	s, _, dir, _ := sampleBackup(t)
	folder := ":" + filepath.ToSlash(dir)
	until := time.Now().Add(3 * time.Second)
	g, ctx := errgroup.WithContext(t.Context())
	repeat := func(name string, fn func(ctx context.Context, i int) error) {
		g.Go(func() error {
			for i := 0; time.Now().Before(until); i++ {
				if err := fn(ctx, i); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
			return nil
		})
	}
	repeat("backup", func(ctx context.Context, i int) error {
		_, err := s.Backup(ctx, BackupOptions{Paths: []string{dir}, Host: "alpha", Tags: []string{fmt.Sprint("run", i)}})
		return err
	})
	repeat("forget", func(ctx context.Context, i int) error {
		o := ForgetOptions{Policy: Policy{Last: 2}}
		if i%2 == 1 {
			o.Prune = &PruneOptions{}
		}
		_, err := s.Forget(ctx, o)
		return err
	})
	repeat("restore", func(ctx context.Context, _ int) error {
		_, err := s.Restore(ctx, RestoreOptions{Snapshot: "latest" + folder, Target: t.TempDir()})
		return err
	})
	repeat("tag", func(ctx context.Context, i int) error {
		_, err := s.Tag(ctx, TagOptions{Filter: SnapshotFilter{IDs: []string{"latest"}}, Add: []string{fmt.Sprint("tag", i)}})
		return err
	})
	repeat("stats", func(ctx context.Context, i int) error {
		_, err := s.Stats(ctx, StatsOptions{Mode: StatsMode(i % 4)})
		return err
	})
	repeat("diff", func(ctx context.Context, _ int) error {
		_, err := s.Diff(ctx, DiffOptions{From: "latest", To: "latest" + folder}, nil)
		return err
	})
	repeat("check", func(ctx context.Context, _ int) error {
		_, err := s.Check(ctx, CheckOptions{Filter: SnapshotFilter{Hosts: []string{"alpha"}}, ReadData: true})
		return err
	})
	repeat("groups", func(ctx context.Context, _ int) error {
		_, err := s.SnapshotGroups(ctx, SnapshotFilter{}, GroupByHost|GroupByTags|GroupByPaths)
		return err
	})
	repeat("dump", func(ctx context.Context, _ int) error {
		return s.Dump(ctx, DumpOptions{Snapshot: "latest" + folder, Path: "/work"}, io.Discard)
	})
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Check(t.Context(), CheckOptions{ReadData: true}); err != nil {
		t.Errorf("%v\n%v", err, r.Findings)
	}
}
