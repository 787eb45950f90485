//go:build !windows

package restic

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	engrestic "github.com/restic/restic/rwmlink/restic"
)

// forgeries makes snapshots that restic would never write.
type forgeries struct {
	*sealer
	loc Location
}

func newForgeries(t testing.TB) *forgeries {
	t.Helper()
	loc := wholeRepository(t)
	return &forgeries{newSealer(t, loc), loc}
}

// tree returns the text of a tree and its ID.
func tree(nodes ...string) (text, id string) {
	text = fmt.Sprintf(`{"nodes":[%s]}`, strings.Join(nodes, ","))
	return text, engrestic.Hash([]byte(text)).String()
}

// blob returns the ID of data.
func blob(text string) string { return engrestic.Hash([]byte(text)).String() }

// save stores data and trees, the root last, and returns a snapshot of that.
func (f *forgeries) save(data []string, trees ...string) (snapshot string) {
	f.t.Helper()
	_, dataEntry := f.pack("data", append(data, "some data")...)
	_, treeEntry := f.pack("tree", trees...)
	f.index(dataEntry, treeEntry)
	return f.snapshot(blob(trees[len(trees)-1]))
}

func (f *forgeries) open(opts ...Option) *Session {
	return openAgain(f.t, f.loc, append(opts, WithoutCache())...)
}

func dirNode(name, tree string) string {
	return fmt.Sprintf(`{"name":%q,"type":"dir","mode":2147484141,"subtree":%q,"content":null}`, name, tree)
}

func fileNode(name, data string, more string) string {
	return fmt.Sprintf(`{"name":%q,"type":"file","mode":420,"size":%d,"content":[%q]%s}`, name, len(data), blob(data), more)
}

func linkNode(name, target string) string {
	return fmt.Sprintf(`{"name":%q,"type":"symlink","mode":134218239,"linktarget":%q,"content":null}`, name, target)
}

// A tree with a symbolic link and a directory of one name would have the restorer go
// through the link, and write and delete outside of the target.
func TestRestoreStaysInTheTarget(t *testing.T) {
	f := newForgeries(t)
	outside := t.TempDir()
	precious := filepath.Join(outside, "precious")
	fresh := func() {
		if err := os.WriteFile(precious, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	below, belowID := tree(linkNode("precious", "/nowhere"))
	hard := `,"links":2,"inode":7,"device_id":7`
	linked, linkedID := tree(fileNode("precious", "evil", hard))
	for name, root := range map[string][]string{
		"replaced by a link": {linkNode("a", outside), dirNode("a", belowID)},
		"a hard link":        {fileNode("!", "evil", hard), linkNode("a", outside), dirNode("a", linkedID)},
		"mode":               {fileNode("a", "evil", ""), linkNode("a", precious), fileNode("a", "evil", "")},
	} {
		t.Run(name, func(t *testing.T) {
			fresh()
			text, _ := tree(root...)
			snapshot := f.save([]string{"evil"}, below, linked, text)
			target := filepath.Join(outside, "..", "target "+strings.ReplaceAll(name, " ", ""))
			_, err := f.open().Restore(t.Context(), RestoreOptions{Snapshot: snapshot, Target: target})
			var failed *RestoreFailedError
			if !errors.As(err, &failed) || !errors.Is(err, ErrDamaged) {
				t.Error(err)
			}
			info, err := os.Lstat(precious)
			if err != nil || info.Mode() != 0o600 {
				t.Fatal(info, err)
			}
			if raw, err := os.ReadFile(precious); err != nil || string(raw) != "precious" {
				t.Errorf("%q %v", raw, err)
			}
		})
	}
}

// A link that is in the target already is not followed out of it on the way to what is
// selected.
func TestRestoreFollowsNoLinkOutOfTheTarget(t *testing.T) {
	s, _, dir, _ := sampleBackup(t)
	outside, target := t.TempDir(), t.TempDir()
	at := filepath.Join(target, filepath.Dir(dir))
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, at); err != nil {
		t.Fatal(err)
	}
	o := RestoreOptions{Snapshot: "latest", Target: target, Patterns: Patterns{Includes: []string{"report.txt"}}}
	res, err := s.Restore(t.Context(), o)
	if !errors.Is(err, errThroughLink) || len(res.Failed) != 1 || res.FilesRestored != 0 {
		t.Errorf("%v %+v", err, res)
	}
	if left := names(t, outside); len(left) > 0 {
		t.Error(left)
	}
	// Within the target it is.
	inside := filepath.Join(target, "inside")
	if err := errors.Join(os.Mkdir(inside, 0o755), os.Remove(at), os.Symlink(inside, at)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Restore(t.Context(), o); err != nil {
		t.Error(err)
	}
	if got := names(t, inside); len(got) != 1 {
		t.Error(got)
	}
}

// Nothing is deleted from a directory whose tree cannot be read: it is not known what
// belongs there.
func TestRestoreDeletesNothingUnread(t *testing.T) {
	f := newForgeries(t)
	good, goodID := tree(fileNode("new", "new", ""))
	broken := `{"nodes":[` + fileNode("new", "new", "") + `,{"name":"` + "\\q" + `"}]}`
	noTree, noTreeID := tree(fileNode("new", "new", ""), `{"name":"sub","type":"dir"}`)
	two, twoID := tree(fileNode("new", "new", ""), fileNode("new", "new", ""))
	root, _ := tree(dirNode("broken", blob(broken)), dirNode("good", goodID), dirNode("missing", blob("missing")),
		dirNode("no tree", noTreeID), dirNode("two", twoID))
	snapshot := f.save([]string{"new"}, good, broken, noTree, two, root)
	target := t.TempDir()
	for _, dir := range []string{"broken", "good", "missing", "no tree", "two"} {
		path := filepath.Join(target, dir, "old", "file")
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	_, err := f.open().Restore(t.Context(), RestoreOptions{Snapshot: snapshot, Target: target, Delete: true})
	var failed *RestoreFailedError
	if !errors.As(err, &failed) {
		t.Error(err)
	}
	got := strings.Join(names(t, target), ", ")
	if got != "broken/old/file, good/new, missing/old/file, no tree/old/file, two/old/file" {
		t.Error(got)
	}
}

// Names that differ in case are one where the file system takes them as one.
func TestNamesTwice(t *testing.T) {
	for _, c := range []struct {
		nodes          []string
		exact, folding bool
	}{
		{[]string{fileNode("a", "", ""), fileNode("b", "", "")}, false, false},
		{[]string{fileNode("a", "", ""), fileNode("A", "", "")}, false, false},
		{[]string{fileNode("b", "", ""), linkNode("a", "x"), fileNode("b", "", "")}, true, true},
		{[]string{linkNode("A", "x"), fileNode("a", "", "")}, false, true},
		{[]string{fileNode("A", "", ""), fileNode("a", "", ""), linkNode("\u00c4", "x")}, false, false},
		{[]string{dirNode("\u00e4", blob("")), linkNode("\u00c4", "x")}, false, true},
	} {
		text, _ := tree(c.nodes...)
		e := &aheadTree{raw: []byte(text)}
		e.decode()
		if exact, folding := twice(e, false) != nil, twice(e, true) != nil; exact != c.exact || folding != c.folding {
			t.Error(text, exact, folding)
		}
	}
}

// A directory without a tree ends that of its parent: what comes after it is not
// restored, and existing files keep their modes.
func TestRestoreTouchesNothingItDoesNotRestore(t *testing.T) {
	f := newForgeries(t)
	below, belowID := tree(fileNode("a", "new", ""), `{"name":"b","type":"dir"}`, fileNode("c", "new", ""), fileNode("d", "new", ""))
	root, _ := tree(dirNode("dir", belowID))
	snapshot := f.save([]string{"new"}, below, root)
	target := t.TempDir()
	old := filepath.Join(target, "dir", "c")
	if err := errors.Join(os.Mkdir(filepath.Dir(old), 0o755), os.WriteFile(old, []byte("old"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.open().Restore(t.Context(), RestoreOptions{Snapshot: snapshot, Target: target}); err == nil {
		t.Error("no error")
	}
	if info, err := os.Stat(old); err != nil || info.Mode() != 0o600 || info.Size() != 3 {
		t.Error(info, err)
	}
}
