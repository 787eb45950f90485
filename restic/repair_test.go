package restic

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cesnet/rwm/internal/harness/resticcli"
)

func TestRepairIndex(t *testing.T) {
	s, loc, _, _ := sampleBackup(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	packs := len(objects(t, loc, "data"))
	for _, tc := range []struct {
		name  string
		spoil func(loc Location)
		all   bool
		want  func(r *RepairIndexResult) bool
		sound bool
	}{
		{"missing", func(l Location) { damage(t, objects(t, l, "index")[0], remove) }, false, func(r *RepairIndexResult) bool { return len(r.AddedPacks) == packs }, true},
		{"altered", func(l Location) { damage(t, objects(t, l, "index")[0], flip) }, false, func(r *RepairIndexResult) bool { return len(r.InvalidIndexes) == 1 && len(r.AddedPacks) == packs }, true},
		{"pack missing", func(l Location) { damage(t, objects(t, l, "data")[0], remove) }, false, func(r *RepairIndexResult) bool { return len(r.MissingPacks) == 1 }, false},
		{"from all packs", func(l Location) { damage(t, objects(t, l, "index")[0], flip) }, true, func(r *RepairIndexResult) bool { return len(r.AddedPacks) == packs }, true},
	} {
		bad := copyRepository(t, loc)
		tc.spoil(bad)
		other := openAgain(t, bad)
		res, err := other.RepairIndex(t.Context(), RepairIndexOptions{ReadAllPacks: tc.all})
		if err != nil || !tc.want(res) {
			t.Errorf("%s: %+v, %v", tc.name, res, err)
		}
		if _, err := other.Check(t.Context(), CheckOptions{ReadData: true}); (err == nil) != tc.sound {
			t.Errorf("%s: check: %v", tc.name, err)
		}
	}
}

// TestRepairPacksAndSnapshots goes the whole way from a damaged pack to a repository
// that is sound, without what was lost.
func TestRepairPacksAndSnapshots(t *testing.T) {
	cli := resticcli.Current(t)
	s, loc, dir, root := sampleBackup(t)
	data, _ := packs(t, s, loc)
	damage(t, data[0], flip)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	other := openAgain(t, loc)
	checked, err := other.Check(t.Context(), CheckOptions{ReadData: true})
	if !errors.Is(err, ErrDamaged) || len(checked.DamagedPacks) != 1 {
		t.Fatalf("%v, %v", checked.DamagedPacks, err)
	}
	if err := other.RepairPacks(t.Context(), RepairPacksOptions{Packs: checked.DamagedPacks, SaveCopy: func(ID, []byte) error { return errInjected }}); !errors.Is(err, errInjected) {
		t.Errorf("%v", err)
	}
	var kept []byte
	if err := other.RepairPacks(t.Context(), RepairPacksOptions{Packs: checked.DamagedPacks, SaveCopy: func(_ ID, raw []byte) error {
		kept = slices.Clone(raw)
		return nil
	}}); err != nil {
		t.Fatal(err)
	}
	if len(kept) == 0 {
		t.Error("no copy of the pack was made")
	}
	if _, err := os.Stat(data[0]); err == nil {
		t.Error("the damaged pack is still there")
	}
	dry, err := other.RepairSnapshots(t.Context(), RepairSnapshotsOptions{DryRun: true})
	if err != nil || len(dry.Changed) != 1 || len(objects(t, loc, "snapshots")) != 1 {
		t.Errorf("dry run: %+v, %v", dry, err)
	}
	res, err := other.RepairSnapshots(t.Context(), RepairSnapshotsOptions{Forget: true})
	if err != nil || len(res.Changed) != 1 || len(res.Repairs) == 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	for _, r := range res.Repairs {
		if r.Kind != RepairContent {
			t.Errorf("%+v", r)
		}
	}
	if again, err := other.RepairSnapshots(t.Context(), RepairSnapshotsOptions{}); err != nil || again.Unchanged != 1 || len(again.Repairs) != 0 {
		t.Errorf("%+v, %v", again, err)
	}
	if r, err := other.Check(t.Context(), CheckOptions{ReadData: true}); err != nil {
		t.Errorf("%v\n%v", err, r.Findings)
	}
	target := t.TempDir()
	if _, err := other.Restore(t.Context(), RestoreOptions{Snapshot: root, Target: target}); err != nil {
		t.Fatal(err)
	}
	whole := 0
	for _, name := range names(t, dir) {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(target, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if bytes.Equal(got, want) {
			whole++
		}
	}
	if whole == 0 || whole == len(names(t, dir)) {
		t.Errorf("%d files are whole", whole)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	cli.MustRun(t, cliRepo(t, loc), "check", "--read-data")
	if err := openAgain(t, loc).RepairPacks(t.Context(), RepairPacksOptions{}); err == nil {
		t.Error("nothing was repaired without an error")
	}
}

// TestRepairSnapshotsDoesNotTakeAnInterruptionForDamage cancels while trees are read:
// nothing may be replaced by an empty directory.
func TestRepairSnapshotsDoesNotTakeAnInterruptionForDamage(t *testing.T) {
	for err, lost := range map[error]bool{
		context.Canceled: false, ErrUnreachable: false, ErrAccessDenied: false, os.ErrPermission: false, errInjected: true,
	} {
		if lostForGood(err) != lost {
			t.Errorf("%v: lost %v", err, !lost)
		}
	}
}

func TestRecover(t *testing.T) {
	s, loc, _ := manySnapshots(t)
	if res, err := s.Recover(t.Context(), RecoverOptions{}); err != nil || len(res.Roots) != 0 || !res.SnapshotID.IsZero() {
		t.Errorf("nothing to recover: %+v, %v", res, err)
	}
	roots := make(map[ID]bool)
	list, err := s.Snapshots(t.Context(), SnapshotFilter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, sn := range list {
		roots[sn.Tree] = true
	}
	if len(roots) < 2 {
		t.Fatal("there are not several roots")
	}
	for _, file := range objects(t, loc, "snapshots") {
		damage(t, file, remove)
	}
	res, err := s.Recover(t.Context(), RecoverOptions{})
	if err != nil || len(res.Roots) != len(roots) || res.SnapshotID.IsZero() {
		t.Fatalf("%+v, %v", res, err)
	}
	for _, id := range res.Roots {
		if !roots[id] {
			t.Errorf("%v is no root", id)
		}
	}
	dirs := 0
	if err := s.Ls(t.Context(), LsOptions{Snapshot: res.SnapshotID.String(), Dirs: []string{"/"}}, LsVisitor{Node: func(n Node) error {
		if roots[n.Subtree] {
			dirs++
		}
		return nil
	}}); err != nil || dirs != len(roots) {
		t.Errorf("%d directories, want %d, %v", dirs, len(roots), err)
	}
	if _, err := s.Check(t.Context(), CheckOptions{}); err != nil {
		t.Error(err)
	}
}
