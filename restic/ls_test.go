package restic

import (
	"bytes"
	"encoding/json"
	"errors"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cesnet/rwm/internal/harness/resticcli"
)

// lsLine has the fields restic prints for a node.
func lsLine(n Node) map[string]any {
	m := map[string]any{
		"name": n.Name, "type": n.Type, "path": n.Path, "uid": n.UID, "gid": n.GID,
		"mode": n.Mode, "permissions": n.Mode.String(), "mtime": n.ModTime, "atime": n.AccessTime, "ctime": n.ChangeTime,
		"inode": n.Inode, "message_type": "node", "struct_type": "node",
	}
	if n.Type == NodeFile {
		m["size"] = n.Size
	}
	return m
}

func TestLsAgreesWithRestic(t *testing.T) {
	cli := resticcli.Current(t)
	s, loc, dir, root := sampleBackup(t)
	dir = filepath.ToSlash(dir)
	for _, tc := range []struct {
		args []string
		o    LsOptions
	}{
		{[]string{"latest"}, LsOptions{Snapshot: "latest"}},
		{[]string{root}, LsOptions{Snapshot: root}},
		{[]string{root, "/work", "/music"}, LsOptions{Snapshot: root, Dirs: []string{"/work", "/music"}}},
		{[]string{root, "--recursive", "/work"}, LsOptions{Snapshot: root, Dirs: []string{"/work"}, Recursive: true}},
		{[]string{"latest", dir + "/work/deep"}, LsOptions{Snapshot: "latest", Dirs: []string{dir + "/work/deep"}}},
		{[]string{root, "/work/deep", "/work"}, LsOptions{Snapshot: root, Dirs: []string{"/work/deep", "/work"}}},
		{[]string{root, "--sort", "size"}, LsOptions{Snapshot: root, Sort: SortBySize}},
		{[]string{root, "--sort", "extension", "--reverse"}, LsOptions{Snapshot: root, Sort: SortByExtension, Reverse: true}},
		{[]string{root, "--sort", "time", "/odd"}, LsOptions{Snapshot: root, Sort: SortByModTime, Dirs: []string{"/odd"}}},
		{[]string{root, "--reverse"}, LsOptions{Snapshot: root, Reverse: true}},
	} {
		out := cli.MustRun(t, cliRepo(t, loc), append([]string{"ls", "--json"}, tc.args...)...).Stdout
		want := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
		var got []any
		err := s.Ls(t.Context(), tc.o, LsVisitor{
			Snapshot: func(sn Snapshot) error { got = append(got, sn); return nil },
			Node:     func(n Node) error { got = append(got, lsLine(n)); return nil },
		})
		if err != nil || len(got) != len(want) {
			t.Errorf("%v: %d lines, want %d, %v", tc.args, len(got), len(want), err)
			continue
		}
		for i := range got {
			sameJSON(t, strings.Join(tc.args, " "), got[i], want[i], "message_type", "struct_type")
		}
	}
}

func TestLsVisitsInOrder(t *testing.T) {
	s, _, _, root := sampleBackup(t)
	var trace []string
	note := func(kind string) func(Node) error {
		return func(n Node) error { trace = append(trace, kind+n.Path); return nil }
	}
	err := s.Ls(t.Context(), LsOptions{Snapshot: root, Dirs: []string{"/work/deep/er"}}, LsVisitor{
		Node: note("+"), Above: note("^"), LeaveDir: func(p string) error { trace = append(trace, "-"+p); return nil },
	})
	want := []string{"^/work", "^/work/deep", "+/work/deep/er", "+/work/deep/er/note.md", "-/work/deep/er", "-/work/deep", "-/work"}
	if err != nil || !slices.Equal(trace, want) {
		t.Errorf("%q, want %q (%v)", trace, want, err)
	}
	stop := errors.New("enough")
	n := 0
	err = s.Ls(t.Context(), LsOptions{Snapshot: root}, LsVisitor{Node: func(Node) error {
		if n++; n == 3 {
			return stop
		}
		return nil
	}})
	if !errors.Is(err, stop) || n != 3 {
		t.Errorf("after %d nodes: %v", n, err)
	}
	for _, o := range []LsOptions{{}, {Snapshot: root, Dirs: []string{"work"}}, {Snapshot: root, Sort: 99}, {Snapshot: root + "/none"}} {
		if err := s.Ls(t.Context(), o, LsVisitor{}); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

func TestCatAndListAgreeWithRestic(t *testing.T) {
	cli := resticcli.Current(t)
	s, loc, _, root := sampleBackup(t)
	repo := cliRepo(t, loc)
	for kind := range fileTypes {
		if kind == ObjectLock {
			continue
		}
		var ids []string
		if err := s.ListObjects(t.Context(), kind, func(o Object) error {
			if o.Size <= 0 {
				t.Errorf("%v has the size %d", o.ID, o.Size)
			}
			ids = append(ids, o.ID.String())
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		want := strings.Fields(string(cli.MustRun(t, repo, "list", string(kind)).Stdout))
		slices.Sort(ids)
		slices.Sort(want)
		if len(ids) == 0 || !slices.Equal(ids, want) {
			t.Errorf("%s: %v, want %v", kind, ids, want)
		}
		name := map[ObjectKind]string{ObjectPack: "pack", ObjectIndex: "index", ObjectSnapshot: "snapshot", ObjectKey: "key"}[kind]
		sameCat(t, s, kind, ids[0], cli.MustRun(t, repo, "cat", name, ids[0]).Stdout)
	}
	var blobs []string
	var data ID
	if err := s.ListObjects(t.Context(), ObjectBlob, func(o Object) error {
		blobs = append(blobs, o.Blob.String()+" "+o.ID.String())
		if o.Blob == BlobData {
			data = o.ID
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(cli.MustRun(t, repo, "list", "blobs").Stdout)), "\n")
	slices.Sort(blobs)
	slices.Sort(want)
	if !slices.Equal(blobs, want) {
		t.Errorf("blobs %v, want %v", blobs, want)
	}
	sameCat(t, s, ObjectBlob, data.String(), cli.MustRun(t, repo, "cat", "blob", data.String()).Stdout)
	sn, folder, err := s.FindSnapshot(t.Context(), root, SnapshotFilter{})
	if err != nil {
		t.Fatal(err)
	}
	tree := sn.ID.String() + ":" + folder
	sameCat(t, s, ObjectTree, tree, cli.MustRun(t, repo, "cat", "tree", tree).Stdout)
	sameCat(t, s, ObjectConfig, "", cli.MustRun(t, repo, "cat", "config").Stdout)
	sameCat(t, s, ObjectMasterKey, "", cli.MustRun(t, repo, "cat", "masterkey").Stdout)

	locks := 0
	if err := s.ListObjects(t.Context(), ObjectLock, func(Object) error { locks++; return nil }); err != nil || locks != 1 {
		t.Errorf("%d locks, %v", locks, err)
	}
	lock := path.Base(filepath.ToSlash(objects(t, loc, "locks")[0]))
	raw, err := s.Cat(t.Context(), ObjectLock, lock)
	if err != nil || !json.Valid(raw) {
		t.Errorf("lock: %s, %v", raw, err)
	}
	for kind, name := range map[ObjectKind]string{
		ObjectPack: "short", ObjectBlob: strings.Repeat("00", 32), ObjectSnapshot: "12345678", ObjectTree: "latest:/none", "nonsense": "x",
	} {
		if _, err := s.Cat(t.Context(), kind, name); err == nil {
			t.Errorf("%s %s was found", kind, name)
		}
	}
	if err := s.ListObjects(t.Context(), ObjectTree, func(Object) error { return nil }); err == nil {
		t.Error("trees were listed")
	}
}

func sameCat(t *testing.T, s *Session, kind ObjectKind, name string, want []byte) {
	t.Helper()
	got, err := s.Cat(t.Context(), kind, name)
	if err != nil || !bytes.Equal(bytes.TrimSuffix(got, []byte("\n")), bytes.TrimSuffix(want, []byte("\n"))) {
		t.Errorf("%s %s: %.200q, want %.200q (%v)", kind, name, got, want, err)
	}
}

func TestCatReturnsADamagedPack(t *testing.T) {
	_, loc, _, _ := sampleBackup(t)
	file := objects(t, loc, "data")[0]
	var want []byte
	damage(t, file, func(raw []byte) []byte { want = flip(raw); return want })
	other := openAgain(t, loc)
	got, err := other.Cat(t.Context(), ObjectPack, filepath.Base(file))
	if !errors.Is(err, ErrDamaged) || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
