package restic

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestReadingWithoutLock looks that a session without locks can do everything that only
// reads, and leaves no trace in the storage.
func TestReadingWithoutLock(t *testing.T) {
	s, loc, from, to := twoSnapshots(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before := describe(t, loc.String())
	ro := openAgain(t, loc, WithoutLock())
	ctx := t.Context()
	errOf := func(_ any, err error) error { return err }
	for name, err := range map[string]error{
		"snapshots":      errOf(ro.Snapshots(ctx, SnapshotFilter{})),
		"restore":        errOf(ro.Restore(ctx, RestoreOptions{Snapshot: to, Target: t.TempDir(), Verify: true})),
		"check":          errOf(ro.Check(ctx, CheckOptions{ReadData: true})),
		"stats":          errOf(ro.Stats(ctx, StatsOptions{})),
		"ls":             ro.Ls(ctx, LsOptions{Snapshot: "latest"}, LsVisitor{}),
		"find":           ro.Find(ctx, FindOptions{Patterns: []string{"*"}}, func(Found) error { return nil }),
		"diff":           errOf(ro.Diff(ctx, DiffOptions{From: from, To: to}, nil)),
		"dump":           ro.Dump(ctx, DumpOptions{Snapshot: to, Path: "/"}, io.Discard),
		"cat":            errOf(ro.Cat(ctx, ObjectConfig, "")),
		"keys":           errOf(ro.Keys(ctx)),
		"locks":          errOf(ro.Locks(ctx)),
		"migrations":     errOf(ro.Migrations(ctx)),
		"forget, dry":    errOf(ro.Forget(ctx, ForgetOptions{DryRun: true, Policy: Policy{Last: 1}, Prune: &PruneOptions{}})),
		"prune, dry":     errOf(ro.Prune(ctx, PruneOptions{DryRun: true})),
		"rewrite, dry":   errOf(ro.Rewrite(ctx, RewriteOptions{DryRun: true, NewHost: "x"})),
		"snapshots, dry": errOf(ro.RepairSnapshots(ctx, RepairSnapshotsOptions{DryRun: true})),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"forget":           errOf(ro.Forget(ctx, ForgetOptions{Policy: Policy{Last: 1}})),
		"prune":            errOf(ro.Prune(ctx, PruneOptions{})),
		"unlock":           errOf(ro.Unlock(ctx, UnlockOptions{})),
		"tag":              errOf(ro.Tag(ctx, TagOptions{Add: []string{"x"}})),
		"rewrite":          errOf(ro.Rewrite(ctx, RewriteOptions{NewHost: "x"})),
		"recover":          errOf(ro.Recover(ctx, RecoverOptions{})),
		"add key":          errOf(ro.AddKey(ctx, "x", KeyOptions{})),
		"change password":  errOf(ro.ChangePassword(ctx, "x", KeyOptions{})),
		"remove key":       errOf(ro.RemoveKey(ctx, "x")),
		"repair index":     errOf(ro.RepairIndex(ctx, RepairIndexOptions{})),
		"repair packs":     ro.RepairPacks(ctx, RepairPacksOptions{Packs: []ID{{1}}}),
		"repair snapshots": errOf(ro.RepairSnapshots(ctx, RepairSnapshotsOptions{})),
		"migrate":          ro.Migrate(ctx, "upgrade_repo_v2", MigrateOptions{}),
	} {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s: %v", name, err)
		}
	}
	after := describe(t, loc.String())
	for name, text := range before {
		// taking no lock means that not even the time of a directory changes
		if after[name] != text {
			t.Errorf("%s was changed", name)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d files, then %d", len(before), len(after))
	}
	if _, err := os.Stat(filepath.Join(loc.String(), "config")); err != nil {
		t.Error(err)
	}
}
