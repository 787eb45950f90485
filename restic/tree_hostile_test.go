//go:build !windows

package restic

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	engdata "github.com/restic/restic/rwmlink/data"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// An archive has no entries that programs unpack through a link of the archive's own,
// or to another directory than theirs.
func TestDumpRefusesNamesThatLeaveTheirDirectory(t *testing.T) {
	f := newForgeries(t)
	below, belowID := tree(fileNode("evil", "evil", ""))
	for name, nodes := range map[string][]string{
		"link and directory": {linkNode("a", "/etc"), dirNode("a", belowID)},
		"link and path":      {linkNode("a", "/etc"), fileNode("a/evil", "evil", "")},
		"up":                 {fileNode("../../evil", "evil", "")},
		"dots":               {dirNode("..", belowID)},
		"dot":                {dirNode(".", belowID)},
		"none":               {fileNode("", "evil", "")},
		"nul":                {fileNode(`e\x00vil`, "evil", "")},
	} {
		bad, badID := tree(nodes...)
		root, _ := tree(dirNode("x", badID))
		snapshot := f.save([]string{"evil"}, below, bad, root)
		s := f.open()
		for _, at := range []string{"/", "/x"} {
			for _, format := range []ArchiveFormat{ArchiveTar, ArchiveZip} {
				var out bytes.Buffer
				err := s.Dump(t.Context(), DumpOptions{Snapshot: snapshot, Path: at, Archive: format}, &out)
				if !errors.Is(err, ErrDamaged) {
					t.Errorf("%s, %s: %v", name, at, err)
				}
				if format == ArchiveTar {
					r := tar.NewReader(&out)
					for h, err := r.Next(); err == nil; h, err = r.Next() {
						if h.Name != "x/" {
							t.Errorf("%s, %s: %q", name, at, h.Name)
						}
					}
				}
			}
		}
	}
}

// Trees nested deeper than any file system has them are refused: the paths of all that
// lie above one another would take gigabytes.
func TestDeepTreesAreRefused(t *testing.T) {
	f := newForgeries(t)
	encode := func(n *engdata.Node) string {
		text, err := appendTree(nil, []*engdata.Node{n})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	nest := func(end string) (trees []string) {
		trees = append(trees, end)
		for range 300 { // with shorter names, and more of them, the walks take long
			id := engrestic.Hash([]byte(trees[len(trees)-1]))
			trees = append(trees, encode(&engdata.Node{Name: strings.Repeat("n", 5000), Type: engdata.NodeTypeDir, Mode: os.ModeDir | 0o755, Subtree: &id}))
		}
		return trees
	}
	lost := engrestic.Hash([]byte("lost"))
	one := f.save(nil, nest(encode(&engdata.Node{Name: "lost", Type: engdata.NodeTypeFile, Content: engrestic.IDs{lost}}))...)
	two := f.save(nil, nest(`{"nodes":[]}`)...)
	only := SnapshotFilter{IDs: []string{one}}
	for op, fn := range map[string]func(ctx context.Context, s *Session) error{
		"find": func(ctx context.Context, s *Session) error {
			return s.Find(ctx, FindOptions{Patterns: []string{"file"}, Filter: only}, func(Found) error { return nil })
		},
		"find blobs": func(ctx context.Context, s *Session) error {
			return s.Find(ctx, FindOptions{Blobs: []string{"12345678"}, Filter: only}, func(Found) error { return nil })
		},
		"ls": func(ctx context.Context, s *Session) error { return s.Ls(ctx, LsOptions{Snapshot: one}, LsVisitor{}) },
		"ls reversed": func(ctx context.Context, s *Session) error {
			return s.Ls(ctx, LsOptions{Snapshot: one, Reverse: true}, LsVisitor{})
		},
		"diff": func(ctx context.Context, s *Session) error {
			_, err := s.Diff(ctx, DiffOptions{From: one, To: two}, nil)
			return err
		},
		"dump": func(ctx context.Context, s *Session) error {
			return s.Dump(ctx, DumpOptions{Snapshot: one, Path: "/"}, io.Discard)
		},
		"restore": func(ctx context.Context, s *Session) error {
			_, err := s.Restore(ctx, RestoreOptions{Snapshot: one, Target: t.TempDir()})
			if !errors.Is(err, syscall.ENAMETOOLONG) {
				t.Error(err)
			}
			return ErrDamaged
		},
		"restore some": func(ctx context.Context, s *Session) error {
			_, err := s.Restore(ctx, RestoreOptions{Snapshot: one, Target: t.TempDir(), Patterns: Patterns{Includes: []string{"lost"}}})
			if !errors.Is(err, syscall.ENAMETOOLONG) {
				t.Error(err)
			}
			return ErrDamaged
		},
		"rewrite": func(ctx context.Context, s *Session) error {
			_, err := s.Rewrite(ctx, RewriteOptions{Filter: only, Patterns: Patterns{Excludes: []string{"file"}}, DryRun: true})
			return err
		},
		"repair": func(ctx context.Context, s *Session) error {
			res, err := s.RepairSnapshots(ctx, RepairSnapshotsOptions{Filter: only, DryRun: true})
			if err != nil || len(res.Repairs) != 1 {
				t.Error(res, err)
			}
			return ErrDamaged
		},
		"check": func(ctx context.Context, s *Session) error {
			res, err := s.Check(ctx, CheckOptions{})
			if len(res.Affected) != 2 || res.Affected[0].Count != 1 {
				t.Error(res.Affected)
			}
			return err
		},
	} {
		t.Run(op, func(t *testing.T) {
			s := f.open()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := fn(t.Context(), s)
			runtime.ReadMemStats(&after)
			if took := (after.TotalAlloc - before.TotalAlloc) >> 20; !errors.Is(err, ErrDamaged) || took > 900 {
				t.Errorf("%d MiB, %v", took, err)
			} else if len(err.Error()) > 20_000 {
				t.Errorf("%d bytes of error", len(err.Error()))
			}
		})
	}
}

// The number of paths below a few forged trees is more than an int holds.
func TestAffectedPathsBeyondCounting(t *testing.T) {
	f := newForgeries(t)
	text, id := tree(fileNode("lost", "lost", ""))
	trees := []string{text}
	for range 70 {
		text, id = tree(dirNode("a", id), dirNode("b", id))
		trees = append(trees, text)
	}
	f.save(nil, trees...)
	res, err := f.open().Check(t.Context(), CheckOptions{})
	if !errors.Is(err, ErrDamaged) || len(res.Affected) != 1 || res.Affected[0].Count < MaxAffectedPaths || len(res.Affected[0].Paths) != MaxAffectedPaths {
		t.Errorf("%v, %d affected", err, len(res.Affected))
	}
}

// What the file system says of an entry is one thing, whatever its mode says.
func TestFSOfFalseModes(t *testing.T) {
	f := newForgeries(t)
	empty, emptyID := tree()
	root, _ := tree(
		fmt.Sprintf(`{"name":"a","type":"dir","mode":420,"subtree":%q,"content":null}`, emptyID),
		fmt.Sprintf(`{"name":"b","type":"dir","mode":134218239,"subtree":%q,"content":null}`, emptyID),
		fmt.Sprintf(`{"name":"c","type":"file","mode":2147484141,"size":4,"content":[%q]}`, blob("text")),
		`{"name":"d","type":"symlink","mode":511,"linktarget":"c","content":null}`,
		`{"name":"e","type":"symlink","mode":134218239,"linktarget":"`+strings.Repeat("a/../", 100_000)+`c","content":null}`,
		`{"name":"f","type":"fifo","mode":420,"content":null}`,
		`{"name":"g","type":"strange","mode":420,"content":null}`,
	)
	fsys, err := f.open().FS(t.Context(), f.save([]string{"text"}, empty, root))
	if err != nil {
		t.Fatal(err)
	}
	defer fsys.Close()
	list, err := fsys.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, e := range list {
		got += fmt.Sprint(e.Name(), e.Type().String()[:1], e.IsDir(), " ")
	}
	if got != "adtrue bdtrue c-false dLfalse eLfalse fpfalse g?false " {
		t.Error(got)
	}
	if text, err := fsys.ReadFile("d"); err != nil || string(text) != "text" {
		t.Errorf("%q %v", text, err)
	}
	if _, err := fsys.ReadFile("e"); err == nil {
		t.Error("a link longer than any path is followed")
	}
}
