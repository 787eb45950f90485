package signs_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cesnet/rwm/keeper/signs"
	"github.com/cesnet/rwm/restic"
)

// store holds trees and blobs by ID.
type store struct {
	trees map[restic.ID][]restic.TreeNode
	blobs map[restic.ID][]byte
	loads int
}

func newStore() *store {
	return &store{trees: map[restic.ID][]restic.TreeNode{}, blobs: map[restic.ID][]byte{}}
}

func (s *store) Tree(_ context.Context, id restic.ID) ([]restic.TreeNode, error) {
	s.loads++
	nodes, ok := s.trees[id]
	if !ok {
		return nil, errors.New("no such tree")
	}
	return nodes, nil
}

func (s *store) Blob(_ context.Context, id restic.ID) ([]byte, error) {
	b, ok := s.blobs[id]
	if !ok {
		return nil, errors.New("no such blob")
	}
	return b, nil
}

func id(text string) restic.ID { return sha256.Sum256([]byte(text)) }

// snapshot makes a tree of files in folders, one level deep: "dir/name" → content.
func (s *store) snapshot(files map[string]string) restic.ID {
	dirs := map[string][]restic.TreeNode{}
	for name, content := range files {
		dir, base, _ := strings.Cut(name, "/")
		blob := id(content)
		s.blobs[blob] = []byte(content)
		dirs[dir] = append(dirs[dir], restic.TreeNode{Name: base, Type: restic.NodeFile, Size: uint64(len(content)), Content: []restic.ID{blob}})
	}
	var root []restic.TreeNode
	for dir, nodes := range dirs {
		slices.SortFunc(nodes, func(a, b restic.TreeNode) int { return strings.Compare(a.Name, b.Name) })
		sub := idOf(nodes)
		s.trees[sub] = nodes
		root = append(root, restic.TreeNode{Name: dir, Type: restic.NodeDir, Subtree: &sub})
	}
	slices.SortFunc(root, func(a, b restic.TreeNode) int { return strings.Compare(a.Name, b.Name) })
	top := idOf(root)
	s.trees[top] = root
	return top
}

// idOf is the ID of a tree.
func idOf(nodes []restic.TreeNode) restic.ID {
	h := sha256.New()
	for _, n := range nodes {
		fmt.Fprintf(h, "%q", n.Name)
		if n.Subtree != nil {
			h.Write(n.Subtree[:])
		}
		for _, blob := range n.Content {
			h.Write(blob[:])
		}
	}
	return restic.ID(h.Sum(nil))
}

func noise(seed uint64, n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(sha256.Sum256(fmt.Append(nil, seed))).Read(b)
	return string(b)
}

func text(seed, n int) string {
	return strings.Repeat(fmt.Sprintf("Line %d of a letter to the mill.\n", seed), n/30+1)[:n]
}

func compare(t *testing.T, before, after map[string]string) *signs.Changes {
	t.Helper()
	s := newStore()
	c, err := signs.Compare(t.Context(), s, s.snapshot(before), s.snapshot(after), len(before), len(after), signs.CompareOptions{Read: 40})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func files(n int, content func(i int) string) map[string]string {
	m := map[string]string{}
	for i := range n {
		m[fmt.Sprintf("dir%d/file%d.txt", i%3, i)] = content(i)
	}
	return m
}

// What happens to files is told apart: other content, a move, encryption, renaming
// with and without other content, and what is usual for logs and archives.
func TestCompare(t *testing.T) {
	t.Parallel()
	letters := func(i int) string { return text(i, 2000) }
	base := files(12, letters)
	each := func(change func(i int, name, content string) (string, string)) map[string]string {
		m := map[string]string{}
		for i := range 12 {
			name := fmt.Sprintf("dir%d/file%d.txt", i%3, i)
			n, c := change(i, name, base[name])
			m[n] = c
		}
		return m
	}
	for name, c := range map[string]struct {
		after map[string]string
		want  signs.Changes
	}{
		"nothing":   {base, signs.Changes{}},
		"edited":    {each(func(i int, n, _ string) (string, string) { return n, text(100+i, 2100) }), signs.Changes{Changed: 12, Candidates: 12, Read: 12}},
		"moved":     {each(func(_ int, n, c string) (string, string) { return "new" + n, c }), signs.Changes{Moved: 12}},
		"encrypted": {each(func(i int, n, _ string) (string, string) { return n, noise(uint64(i), 2000) }), signs.Changes{Changed: 12, Candidates: 12, Read: 12, Turned: 12}},
		"renamed": {each(func(i int, n, _ string) (string, string) { return n + ".crypt", noise(uint64(i), 2000) }),
			signs.Changes{New: 12, Deleted: 12, Renamed: 12, Extension: ".crypt", WithExtension: 12, Candidates: 12, Read: 12, Turned: 12}},
		"other names": {each(func(i int, n, _ string) (string, string) {
			return n[:5] + fmt.Sprintf("%x.crypt", 7919*i), noise(uint64(i), 2000)
		}), signs.Changes{New: 12, Deleted: 12, Renamed: 12, Extension: ".crypt", WithExtension: 12, Candidates: 12, Read: 12, Turned: 12}},
		"renamed, nothing else":  {each(func(_ int, n, c string) (string, string) { return n + ".crypt", c }), signs.Changes{Moved: 12}},
		"renamed to known types": {each(func(i int, n, _ string) (string, string) { return n + ".foo", text(50+i, 2000) }), signs.Changes{New: 12, Deleted: 12, Extension: ".foo", Candidates: 12, Read: 12}},
		"packed": {each(func(i int, n, _ string) (string, string) {
			return n + ".gz", "\x1f\x8b\x08\x00" + noise(uint64(i), 900)
		}), signs.Changes{New: 12, Deleted: 12}},
		"numbered": {each(func(i int, n, _ string) (string, string) { return n + ".1", text(50+i, 900) }), signs.Changes{New: 12, Deleted: 12}},
		"gone":     {map[string]string{}, signs.Changes{Deleted: 12}},
	} {
		got := *compare(t, base, c.after)
		got.RenamedPaths, got.TurnedPaths, got.NotePaths, got.ChangedPaths, got.DeletedPaths = nil, nil, nil, nil, nil
		c.want.Before, c.want.After = 12, len(c.after)
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", c.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, c.want)
		}
	}
}

// Files of known types become random, or they do not.
func TestTurned(t *testing.T) {
	t.Parallel()
	jpeg, png := "\xff\xd8\xff\xe0\x00\x10JFIF\x00"+noise(1, 3000), "\x89PNG\r\n\x1a\n"+noise(2, 3000)
	for name, c := range map[string]struct {
		before, after string
		turned        bool
	}{
		"text to noise":        {text(1, 3000), noise(9, 3000), true},
		"jpeg to noise":        {jpeg, noise(9, 3000), true},
		"jpeg to png":          {jpeg, png, false},
		"noise to noise":       {noise(8, 3000), noise(9, 3000), false},
		"text to zeros":        {text(1, 3000), string(make([]byte, 3000)), false},
		"text to gzip":         {text(1, 3000), "\x1f\x8b\x08\x00\x00\x00\x00\x00" + noise(9, 3000), false},
		"text to little noise": {text(1, 3000), noise(9, 100), false},
		"least size":           {text(1, 3000), noise(9, 512), true},
		"text to base64":       {text(1, 3000), strings.Repeat("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0NTY3ODk=\n", 60), false},
	} {
		got := compare(t, map[string]string{"d/a.dat": c.before}, map[string]string{"d/a.dat": c.after})
		if (got.Turned == 1) != c.turned {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// An attacker who leaves the first blob of files and replaces the rest is seen, and what
// grows, or is written to in places, is not taken for that.
func TestTurnedBehindTheBeginning(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before, after []string // blobs
		read, turned  bool
	}{
		"the rest to noise":            {[]string{text(1, 3000), text(2, 3000), text(3, 3000)}, []string{text(1, 3000), noise(4, 3000), noise(5, 3000)}, true, true},
		"half to noise":                {[]string{text(1, 3000), text(2, 3000), text(3, 3000)}, []string{text(1, 3000), text(2, 3000), noise(5, 3000)}, true, true},
		"the rest to one blob":         {[]string{text(1, 3000), text(2, 3000), text(3, 3000)}, []string{text(1, 3000), noise(5, 9000)}, true, true},
		"a rest that was noise":        {[]string{text(1, 3000), noise(2, 3000), noise(3, 3000)}, []string{text(1, 3000), noise(4, 3000), noise(5, 3000)}, true, false},
		"the rest to other text":       {[]string{text(1, 3000), text(2, 3000), text(3, 3000)}, []string{text(1, 3000), text(4, 3000), text(5, 3000)}, true, false},
		"grown":                        {[]string{text(1, 3000), text(2, 3000), text(3, 300)}, []string{text(1, 3000), text(2, 3000), noise(3, 3000), noise(4, 3000)}, true, false},
		"grown by whole blobs":         {[]string{text(1, 3000), text(2, 3000)}, []string{text(1, 3000), text(2, 3000), noise(3, 3000), noise(4, 3000)}, false, false},
		"one of many":                  {[]string{text(1, 3000), text(2, 3000), text(3, 3000), text(4, 3000)}, []string{text(1, 3000), text(2, 3000), noise(3, 3000), text(4, 3000)}, false, false},
		"cut off":                      {[]string{text(1, 3000), text(2, 3000), text(3, 3000)}, []string{text(1, 3000)}, false, false},
		"a beginning of no known type": {[]string{noise(1, 3000), text(2, 3000), text(3, 3000)}, []string{noise(1, 3000), noise(4, 3000), noise(5, 3000)}, true, false},
	} {
		s := newStore()
		tree := func(blobs []string) restic.ID {
			n := restic.TreeNode{Name: "a.dat", Type: restic.NodeFile}
			for _, b := range blobs {
				s.blobs[id(b)] = []byte(b)
				n.Content = append(n.Content, id(b))
				n.Size += uint64(len(b))
			}
			top := idOf([]restic.TreeNode{n})
			s.trees[top] = []restic.TreeNode{n}
			return top
		}
		got, err := signs.Compare(t.Context(), s, tree(c.before), tree(c.after), 1, 1, signs.CompareOptions{Read: 40})
		if err != nil || got.Changed != 1 || (got.Read == 1) != c.read || (got.Turned == 1) != c.turned {
			t.Errorf("%s: %v %+v", name, err, got)
		}
	}
}

func TestNotes(t *testing.T) {
	t.Parallel()
	for name, note := range map[string]bool{
		"HOW_TO_DECRYPT.txt": true, "!!!READ_ME_RECOVER!!!.hta": true, "Restore-My-Files.txt": true, "@Please_Read_Me@.txt": true,
		"RECOVERY_INSTRUCTIONS.html": true, "README.txt": false, "readme.md": false, "restore.sh": false, "how-to-restore.go": false,
		"recovery.md": false, "help.html": false, "decrypt.c": false, "unlock.png": false,
	} {
		got := compare(t, map[string]string{"d/a": "x"}, map[string]string{"d/a": "x", "d/" + name: "pay"})
		if (got.Notes == 1) != note {
			t.Errorf("%s: %d notes", name, got.Notes)
		}
	}
}

// Names from a snapshot are fit to be shown.
func TestNamesAreEscaped(t *testing.T) {
	t.Parallel()
	got := compare(t, map[string]string{"d/a": "x"}, map[string]string{"d/a": "y", "d/HOW_TO_DECRYPT\x1b[2J\u202e.txt": "pay", "d/b": "\x00"})
	for _, p := range append(append(got.NotePaths, got.ChangedPaths...), got.NoteName) {
		if strings.ContainsAny(p, "\x1b\u202e") {
			t.Errorf("%q", p)
		}
	}
}

// Trees that an attacker made up end the comparison in good time.
func TestHostileTrees(t *testing.T) {
	t.Parallel()
	s := newStore()
	self := id("self")
	s.trees[self] = []restic.TreeNode{{Name: "a", Type: restic.NodeDir, Subtree: &self}}
	if _, err := signs.Compare(t.Context(), s, restic.ID{}, self, 0, 0, signs.CompareOptions{}); err == nil {
		t.Error("a tree in itself: no error")
	}
	if _, _, err := signs.Count(t.Context(), s, self); err == nil {
		t.Error("a tree in itself: counted")
	}
	below := id("leaf")
	s.trees[below] = []restic.TreeNode{{Name: "f", Type: restic.NodeSymlink}}
	for i := range 60 { // 2^60 directories
		next := id(fmt.Sprint("level", i))
		b := below
		s.trees[next] = []restic.TreeNode{{Name: "a", Type: restic.NodeDir, Subtree: &b}, {Name: "b", Type: restic.NodeDir, Subtree: &b}}
		below = next
	}
	s.loads = 0
	c, err := signs.Compare(t.Context(), s, restic.ID{}, below, 0, 0, signs.CompareOptions{Limit: 1000})
	if err != nil || !c.Partial || s.loads > 20_000 {
		t.Errorf("%+v, %v after %d loads", c, err, s.loads)
	}
	if _, _, err := signs.Count(t.Context(), s, below); err != nil {
		t.Error(err)
	}
	missing := id("missing")
	if _, err := signs.Compare(t.Context(), s, missing, below, 0, 0, signs.CompareOptions{}); err == nil {
		t.Error("a missing tree: no error")
	}
}

// A long name is not cut within a character, which would make all of it unreadable.
func TestLongNamesAreCutBetweenCharacters(t *testing.T) {
	t.Parallel()
	for extra := range 3 {
		name := strings.Repeat("x", extra) + strings.Repeat("ř", 400) + ".txt"
		c := compare(t, map[string]string{"dir/" + name: text(1, 900)}, map[string]string{"dir/" + name: text(2, 900)})
		if len(c.ChangedPaths) != 1 || !strings.HasSuffix(c.ChangedPaths[0], "ř…") {
			t.Errorf("%q", c.ChangedPaths)
		}
	}
}

// Many new files, or deleted ones, hide no change of others behind them.
func TestManyFilesHideNoChange(t *testing.T) {
	const limit, hidden = 50, 20
	for _, what := range []string{"made", "deleted", "made beside them"} {
		for range 20 { // directories are compared in no order
			s := newStore()
			before, now := map[string]string{}, map[string]string{}
			for i := range hidden {
				name := fmt.Sprintf("work/%d", i)
				before[name], now[name] = "a text, "+name, noise(uint64(i), 2000)
			}
			for i := range 20 * limit {
				junk := fmt.Sprintf("junk%d/%d", i%7, i)
				if what == "made beside them" {
					junk = fmt.Sprintf("work/junk%d", i)
				}
				if what == "deleted" {
					before[junk] = junk
				} else {
					now[junk] = junk
				}
			}
			c, err := signs.Compare(t.Context(), s, s.snapshot(before), s.snapshot(now), len(before), len(now), signs.CompareOptions{Limit: limit, Read: 10})
			if err != nil || c.Changed != hidden || c.Read == 0 || !c.Partial {
				t.Fatalf("%s: %v, %d changed of %d, %d read, partial %t", what, err, c.Changed, hidden, c.Read, c.Partial)
			}
		}
	}
}

// Nobody can make harmless changes that are read in the place of others: which ones are
// read is not known before.
func TestWhatIsReadCannotBeChosen(t *testing.T) {
	s := newStore()
	before, now := map[string]string{}, map[string]string{}
	for i := range 200 {
		name := fmt.Sprintf("work/%d", i)
		before[name], now[name] = strings.Repeat("a text, "+name, 100), noise(uint64(i), 2000)
	}
	harmless := map[string]string{}
	for i := range 200 {
		name := fmt.Sprintf("notes/%d", i)
		before[name], harmless[name] = strings.Repeat("a note, "+name, 100), strings.Repeat("another note, "+name, 100)
		now[name] = harmless[name]
	}
	read := map[restic.ID]int{}
	src := &counted{s, read}
	for range 20 {
		c, err := signs.Compare(t.Context(), src, s.snapshot(before), s.snapshot(now), len(before), len(now), signs.CompareOptions{Read: 40})
		if err != nil || c.Read != 40 || c.Turned == 0 {
			t.Fatalf("%v, %d read, %d turned", err, c.Read, c.Turned)
		}
	}
	// Had the choice been the same each time, it would be 40 files.
	chosen := 0
	for name := range now {
		if read[id(now[name])] > 0 {
			chosen++
		}
	}
	if chosen < 100 {
		t.Errorf("always the same %d files were read", chosen)
	}
}

// counted counts which blobs are read.
type counted struct {
	*store
	read map[restic.ID]int
}

func (c *counted) Blob(ctx context.Context, id restic.ID) ([]byte, error) {
	c.read[id]++
	return c.store.Blob(ctx, id)
}
