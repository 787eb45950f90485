package restic

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cesnet/rwm/internal/harness/resticcli"
)

func TestCopyTo(t *testing.T) {
	cli := resticcli.Current(t)
	src, _, from, to := twoSnapshots(t)
	dst, dstLoc := initLocal(t)
	var events int
	res, err := src.CopyTo(t.Context(), dst, CopyOptions{OnEvent: func(ev Event) {
		if _, ok := ev.(SnapshotCopied); ok {
			events++
		}
	}})
	if err != nil || len(res.Copied) != 2 || len(res.Skipped) != 0 || res.Blobs == 0 || events != 2 {
		t.Fatalf("%+v, %d events, %v", res, events, err)
	}
	a, err := src.Snapshots(t.Context(), SnapshotFilter{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := dst.Snapshots(t.Context(), SnapshotFilter{})
	if err != nil || len(b) != 2 {
		t.Fatalf("%d copies, %v", len(b), err)
	}
	for i := range a {
		if b[i].Original != a[i].ID || b[i].Tree != a[i].Tree || !b[i].Parent.IsZero() {
			t.Errorf("copy %+v of %+v", b[i], a[i])
		}
	}
	if _, err := dst.Check(t.Context(), CheckOptions{ReadData: true}); err != nil {
		t.Error(err)
	}
	// once more: nothing to do, also after the tags of a copy changed and back again
	res, err = src.CopyTo(t.Context(), dst, CopyOptions{})
	if err != nil || len(res.Copied) != 0 || len(res.Skipped) != 2 || res.Blobs != 0 {
		t.Errorf("%+v, %v", res, err)
	}
	if err := dst.Close(); err != nil {
		t.Fatal(err)
	}
	out := cli.MustRun(t, cliRepo(t, dstLoc), "check", "--read-data")
	_, _, _ = out, from, to
}

func TestCopyToRefusesAndLeavesOut(t *testing.T) {
	src, loc, _, _ := twoSnapshots(t)
	dst, _ := initLocal(t)
	if _, err := src.CopyTo(t.Context(), src, CopyOptions{}); err == nil {
		t.Error("a session copied to itself")
	}
	if res, err := src.CopyTo(t.Context(), openAgain(t, loc), CopyOptions{}); err != nil || len(res.Copied) != 0 || len(res.Skipped) != 2 || res.Blobs != 0 {
		t.Errorf("a repository copied to itself: %+v, %v", res, err)
	}
	if _, err := src.CopyTo(t.Context(), dst, CopyOptions{Filter: SnapshotFilter{IDs: []string{"latest", "12345678"}}}); !errors.Is(err, ErrNoSnapshot) {
		t.Errorf("unknown snapshot: %v", err)
	}
	if list, _ := dst.Snapshots(t.Context(), SnapshotFilter{}); len(list) != 0 {
		t.Errorf("%d snapshots were copied nevertheless", len(list))
	}
	damage(t, objects(t, loc, "snapshots")[0], flip)
	res, err := openAgain(t, loc).CopyTo(t.Context(), dst, CopyOptions{})
	var partial *SnapshotsError
	if !errors.As(err, &partial) || len(res.Copied) != 1 || len(res.Unreadable) != 1 {
		t.Errorf("%+v, %v", res, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := src.CopyTo(ctx, dst, CopyOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// A bucket that was rebuilt from a saved state has the ID of the original: what the
// original has lost since is brought back with copy. The two share a cache, as they do
// where nothing else is said.
func TestCopyBetweenCopies(t *testing.T) {
	a, loc, from, _ := twoSnapshots(t)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	cache := WithCacheDir(t.TempDir())
	wrecked, rescued := openAgain(t, loc, cache), openAgain(t, copyRepository(t, loc), cache)
	if wrecked.ID() != rescued.ID() {
		t.Fatal("these are not copies")
	}
	o := ForgetOptions{Filter: SnapshotFilter{IDs: []string{from[:64]}}, Prune: &PruneOptions{MaxUnused: UnusedPercent(0)}}
	if _, err := wrecked.Forget(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	mustBackup(t, wrecked, writeTree(t, map[string]string{"later": "than the copy"}))
	res, err := rescued.CopyTo(t.Context(), wrecked, CopyOptions{})
	if err != nil || len(res.Copied) != 1 || len(res.Skipped) != 1 || res.Blobs == 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	list, err := wrecked.Snapshots(t.Context(), SnapshotFilter{})
	if err != nil || len(list) != 3 {
		t.Errorf("%d snapshots, %v", len(list), err)
	}
	if err := errors.Join(wrecked.Close(), rescued.Close()); err != nil {
		t.Fatal(err)
	}
	for _, l := range []Location{wrecked.Location(), rescued.Location()} {
		mustBeSound(t, l)
	}
}

func TestTag(t *testing.T) {
	s, loc, _ := manySnapshots(t)
	res, err := s.Tag(t.Context(), TagOptions{Filter: SnapshotFilter{Hosts: []string{"alpha"}}, Add: []string{"x", "base"}, Remove: []string{"weekly", ""}})
	if err != nil || len(res.Changed) != 15 || len(res.Failed) != 0 {
		t.Fatalf("%d changed, %v, %v", len(res.Changed), res.Failed, err)
	}
	list, err := openAgain(t, loc, WithoutLock()).Snapshots(t.Context(), SnapshotFilter{})
	if err != nil || len(list) != 30 {
		t.Fatalf("%d snapshots, %v", len(list), err)
	}
	for _, sn := range list {
		f := SnapshotFilter{IDs: []string{sn.ID.String()}}
		tagged := len(sn.Tags) >= 2 && sn.Tags[len(sn.Tags)-1] != "weekly"
		if sn.Hostname == "alpha" && (!tagged || sn.Original.IsZero()) {
			t.Errorf("%v: tags %v, original %v", f, sn.Tags, sn.Original)
		}
		if sn.Hostname == "beta" && !sn.Original.IsZero() {
			t.Errorf("%v was changed", sn.ID)
		}
	}
	// setting what is set already saves the snapshot once more, as restic does, and
	// must not lose it
	one := SnapshotFilter{IDs: []string{list[0].ID.String()}}
	for range 2 {
		res, err := s.Tag(t.Context(), TagOptions{Filter: one, Set: []string{"only"}})
		if err != nil || len(res.Changed) != 1 {
			t.Fatalf("%+v, %v", res, err)
		}
		one = SnapshotFilter{IDs: []string{res.Changed[0].New.String()}}
	}
	if list, err = s.Snapshots(t.Context(), one); err != nil || len(list) != 1 || len(list[0].Tags) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err = s.Tag(t.Context(), TagOptions{Filter: one, Set: []string{""}}); err != nil {
		t.Error(err)
	}
	for _, o := range []TagOptions{{}, {Set: []string{"a"}, Add: []string{"b"}}, {Add: []string{"a"}, Filter: SnapshotFilter{IDs: []string{"12345678"}}}} {
		if _, err := s.Tag(t.Context(), o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

func TestRewrite(t *testing.T) {
	s, loc, dir, root := sampleBackup(t)
	old, _, err := s.FindSnapshot(t.Context(), "latest", SnapshotFilter{})
	if err != nil {
		t.Fatal(err)
	}
	dry, err := s.Rewrite(t.Context(), RewriteOptions{Patterns: Patterns{Excludes: []string{"*.bin"}}, DryRun: true})
	if err != nil || len(dry.Changed) != 1 || !dry.Changed[0].New.IsZero() || len(objects(t, loc, "snapshots")) != 1 {
		t.Errorf("dry run: %+v, %v", dry, err)
	}
	at := time.Date(2001, 2, 3, 4, 5, 6, 0, time.Local)
	res, err := s.Rewrite(t.Context(), RewriteOptions{Patterns: Patterns{Excludes: []string{"*.bin"}}, NewHost: "omega", NewTime: at})
	if err != nil || len(res.Changed) != 1 {
		t.Fatalf("%+v, %v", res, err)
	}
	sn, _, err := s.FindSnapshot(t.Context(), res.Changed[0].New.String(), SnapshotFilter{})
	if err != nil || sn.Hostname != "omega" || !sn.Time.Equal(at) || sn.Original != old.ID || len(sn.Tags) != 1 || sn.Tags[0] != "rewrite" {
		t.Errorf("%+v, %v", sn, err)
	}
	if sn.Summary == nil || sn.Summary.TotalFilesProcessed != old.Summary.TotalFilesProcessed-2 {
		t.Errorf("summary %+v of %+v", sn.Summary, old.Summary)
	}
	target := t.TempDir()
	if _, err := s.Restore(t.Context(), RestoreOptions{Snapshot: sn.ID.String() + root[len("latest"):], Target: target}); err != nil {
		t.Fatal(err)
	}
	if got, want := len(names(t, target)), len(names(t, dir))-2; got != want {
		t.Errorf("%d files, want %d", got, want)
	}
	// only what matches is kept, and the original goes
	res, err = s.Rewrite(t.Context(), RewriteOptions{Filter: SnapshotFilter{IDs: []string{old.ID.Short()}}, Patterns: Patterns{Includes: []string{"*.md"}}, Forget: true})
	if err != nil || len(res.Changed) != 1 {
		t.Fatalf("%+v, %v", res, err)
	}
	if _, _, err := s.FindSnapshot(t.Context(), old.ID.String(), SnapshotFilter{}); !errors.Is(err, ErrNoSnapshot) {
		t.Errorf("the original: %v", err)
	}
	target = t.TempDir()
	if _, err := s.Restore(t.Context(), RestoreOptions{Snapshot: res.Changed[0].New.String(), Target: target}); err != nil {
		t.Fatal(err)
	}
	if got := names(t, target); len(got) != 1 || filepath.Base(got[0]) != "note.md" {
		t.Errorf("kept %v", got)
	}
	// includes that match nothing change nothing
	before := len(objects(t, loc, "snapshots"))
	if res, err = s.Rewrite(t.Context(), RewriteOptions{Patterns: Patterns{Includes: []string{"nothing"}}}); err != nil || res.Unchanged != 2 {
		t.Errorf("%+v, %v", res, err)
	}
	if after := len(objects(t, loc, "snapshots")); after != before {
		t.Errorf("%d snapshots, then %d", before, after)
	}
	for _, o := range []RewriteOptions{{}, {Patterns: Patterns{Includes: []string{"a"}, Excludes: []string{"b"}}}, {NewHost: "x", Filter: SnapshotFilter{IDs: []string{"12345678"}}}} {
		if _, err := s.Rewrite(t.Context(), o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
	if _, err := s.Check(t.Context(), CheckOptions{ReadData: true}); err != nil {
		t.Error(err)
	}
}

// TestCopyToFailsOnOneSide has one of the two fail while the other waits for it.
func TestCopyToFailsOnOneSide(t *testing.T) {
	src, _, _, _ := twoSnapshots(t)
	dst, _ := initLocal(t)
	closed, _ := initLocal(t)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	// The engine waits a minute before it ends the context of a lock.
	delayed := goleak.IgnoreAnyFunction("github.com/restic/restic/internal/restic.delayedCancelContext.func1")
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), delayed)
	unknown := SnapshotFilter{IDs: []string{"0123456789"}}
	if _, err := src.CopyTo(t.Context(), dst, CopyOptions{Filter: unknown}); !errors.Is(err, ErrNoSnapshot) {
		t.Errorf("a snapshot that is not there: %v", err)
	}
	if _, err := src.CopyTo(t.Context(), closed, CopyOptions{}); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed destination: %v", err)
	}
	if _, err := closed.CopyTo(t.Context(), dst, CopyOptions{}); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed source: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := src.CopyTo(ctx, dst, CopyOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled copy: %v", err)
	}
	if res, err := src.CopyTo(t.Context(), dst, CopyOptions{}); err != nil || len(res.Copied) != 2 {
		t.Errorf("afterwards: %+v, %v", res, err)
	}
	if err := dst.Close(); err != nil { // ends what renews its lock
		t.Error(err)
	}
}
