package restic

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// sameFiles compares two trees: names, types, contents, modes and times.
func sameFiles(t testing.TB, want, got string) {
	t.Helper()
	w, g := describe(t, want), describe(t, got)
	for name, text := range w {
		if g[name] != text {
			t.Errorf("%q: %q, want %q", name, g[name], text)
		}
	}
	for name := range g {
		if _, ok := w[name]; !ok {
			t.Errorf("%q should not be there", name)
		}
	}
}

func describe(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		text := fmt.Sprint(info.Mode(), " ", info.ModTime().UnixNano())
		switch {
		case info.Mode().IsRegular():
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += fmt.Sprintf(" %x", []byte(fmt.Sprint(len(raw), " ", string(raw[:min(len(raw), 64)]))))
		case info.Mode()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			text = "-> " + link
		}
		out[name] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// names lists the regular files of a tree.
func names(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	for name, text := range describe(t, dir) {
		if strings.HasPrefix(text, "-r") {
			out = append(out, filepath.ToSlash(name))
		}
	}
	slices.Sort(out)
	return out
}

// sampleBackup makes a repository with one snapshot of the sample files.
func sampleBackup(t testing.TB, opts ...Option) (s *Session, loc Location, dir, root string) {
	t.Helper()
	s, loc = initLocal(t, opts...)
	dir = writeTree(t, sampleFiles())
	if err := os.Symlink("report.txt", filepath.Join(dir, "work", "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(dir, "music", "noise.bin"), filepath.Join(dir, "odd", "hard link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(dir, "work", "report.txt"), time.Time{}, time.Date(1999, 12, 31, 23, 59, 59, 123456789, time.UTC)); err != nil {
		t.Fatal(err)
	}
	backupAt(t, s, time.Now(), "alpha", nil, dir)
	return s, loc, dir, "latest:" + filepath.ToSlash(dir)
}

func TestRestoreWhole(t *testing.T) {
	s, _, dir, root := sampleBackup(t)
	target := filepath.Join(t.TempDir(), "new", "dir")
	var status RestoreStatus
	items := 0
	res, err := s.Restore(t.Context(), RestoreOptions{Snapshot: root, Target: target, Sparse: true, Verify: true, OnEvent: func(ev Event) {
		switch ev := ev.(type) {
		case RestoreStatus:
			status = ev
		case RestoreItem:
			items++
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	sameFiles(t, dir, target)
	if res.FilesVerified != 11 || res.FilesRestored != res.FilesTotal || res.BytesRestored != res.BytesTotal || res.BytesTotal < 5<<20 {
		t.Errorf("result %+v", res)
	}
	if status.FilesRestored != res.FilesRestored || items != int(res.FilesRestored) {
		t.Errorf("last status %+v, %d items, result %+v", status, items, res)
	}
	a, err := os.Stat(filepath.Join(target, "music", "noise.bin"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.Stat(filepath.Join(target, "odd", "hard link"))
	if err != nil || !os.SameFile(a, b) {
		t.Errorf("the hard link is a file of its own (%v)", err)
	}
	// once more over it: nothing to do
	res, err = s.Restore(t.Context(), RestoreOptions{Snapshot: root, Target: target})
	if err != nil || res.FilesSkipped == 0 || res.BytesRestored != 0 {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestRestorePatterns(t *testing.T) {
	s, _, dir, root := sampleBackup(t)
	list := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(list, []byte("# comment\n*.md\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	all := names(t, dir)
	for _, tc := range []struct {
		name string
		p    Patterns
		want func(name string) bool
	}{
		{"include", Patterns{Includes: []string{"*.txt"}}, func(n string) bool { return n == "work/report.txt" }},
		{"iinclude", Patterns{IIncludes: []string{"*.txt"}}, func(n string) bool { return n == "work/report.txt" || n == "work/Draft.TXT" }},
		{"include file", Patterns{IncludeFiles: []string{list}}, func(n string) bool { return n == "work/deep/er/note.md" }},
		{"include dir", Patterns{Includes: []string{"/music"}}, func(n string) bool { return strings.HasPrefix(n, "music/") }},
		{"exclude", Patterns{Excludes: []string{"/odd", "*.bin"}}, func(n string) bool { return strings.HasPrefix(n, "work/") }},
		{"iexclude", Patterns{IExcludes: []string{"*.TXT", "note.*"}}, func(n string) bool {
			return !strings.HasSuffix(strings.ToLower(n), ".txt") && !strings.HasSuffix(n, ".md")
		}},
		{"literal", Patterns{Includes: []string{`\[bracket\]\*star`}}, func(n string) bool { return n == "odd/[bracket]*star" }},
	} {
		target := t.TempDir()
		if _, err := s.Restore(t.Context(), RestoreOptions{Snapshot: root, Target: target, Patterns: tc.p}); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		want := slices.DeleteFunc(slices.Clone(all), func(n string) bool { return !tc.want(n) })
		if len(want) == 0 {
			t.Fatalf("%s: nothing is selected", tc.name)
		}
		if got := names(t, target); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", tc.name, got, want)
		}
	}
}

func TestRestoreOverwriteAndDelete(t *testing.T) {
	s, _, _, root := sampleBackup(t)
	for _, tc := range []struct {
		o       RestoreOptions
		changed string // what becomes of a changed file
		extra   bool   // whether another file stays
	}{
		{RestoreOptions{Overwrite: OverwriteAlways}, "quarterly figures\n", true},
		{RestoreOptions{Overwrite: OverwriteIfChanged, Delete: true}, "quarterly figures\n", false},
		{RestoreOptions{Overwrite: OverwriteIfNewer}, "changed", true},
		{RestoreOptions{Overwrite: OverwriteNever, Delete: true}, "changed", false},
		{RestoreOptions{Delete: true, Patterns: Patterns{Includes: []string{"*.txt"}}}, "quarterly figures\n", true},
		{RestoreOptions{Delete: true, DryRun: true}, "changed", true},
	} {
		target := t.TempDir()
		file, extra := filepath.Join(target, "work", "report.txt"), filepath.Join(target, "work", "extra")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{file: "changed", extra: "extra"} {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		name := fmt.Sprintf("%v delete=%v dry=%v", tc.o.Overwrite, tc.o.Delete, tc.o.DryRun)
		tc.o.Snapshot, tc.o.Target = root, target
		res, err := s.Restore(t.Context(), tc.o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if raw, _ := os.ReadFile(file); string(raw) != tc.changed {
			t.Errorf("%s: the changed file is %q", name, raw)
		}
		if _, err := os.Stat(extra); (err == nil) != tc.extra {
			t.Errorf("%s: the other file: %v", name, err)
		}
		if wantDeleted := tc.o.Delete && tc.o.empty(); (res.FilesDeleted == 1) != wantDeleted {
			t.Errorf("%s: %d deleted", name, res.FilesDeleted)
		}
	}
}

func TestRestoreRefuses(t *testing.T) {
	s, _, _, root := sampleBackup(t)
	target := filepath.Join(t.TempDir(), "target")
	for name, o := range map[string]RestoreOptions{
		"no snapshot":       {Target: target},
		"no target":         {Snapshot: root},
		"include, exclude":  {Snapshot: root, Target: target, Patterns: Patterns{Includes: []string{"a"}, Excludes: []string{"b"}}},
		"bad pattern":       {Snapshot: root, Target: target, Patterns: Patterns{Includes: []string{"[a"}}},
		"no pattern file":   {Snapshot: root, Target: target, Patterns: Patterns{ExcludeFiles: []string{filepath.Join(target, "none")}}},
		"dry run, verify":   {Snapshot: root, Target: target, DryRun: true, Verify: true},
		"delete in /":       {Snapshot: root, Target: "/", Delete: true},
		"no such folder":    {Snapshot: root + "/none", Target: target},
		"no such snapshot":  {Snapshot: "12345678", Target: target},
		"overwrite unknown": {Snapshot: root, Target: target, Overwrite: 17},
	} {
		if _, err := s.Restore(t.Context(), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("the target was made nevertheless")
	}
}

// TestRestoreListsWhatIsLost damages one pack and expects everything else, and a list
// of what is missing.
func TestRestoreListsWhatIsLost(t *testing.T) {
	s, loc, dir, root := sampleBackup(t)
	var pack string
	for _, name := range objects(t, loc, "data") {
		if info, err := os.Stat(name); err != nil || info.Size() > 1<<20 {
			pack = name
			break
		}
	}
	damage(t, pack, flip)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	target := t.TempDir()
	other := openAgain(t, loc)
	var events []string
	res, err := other.Restore(t.Context(), RestoreOptions{Snapshot: root, Target: target, OnEvent: func(ev Event) {
		if e, ok := ev.(RestoreError); ok {
			events = append(events, e.Path)
		}
	}})
	var failed *RestoreFailedError
	if !errors.As(err, &failed) || len(failed.Failed) == 0 || len(failed.Failed) != len(res.Failed) || len(events) != len(res.Failed) {
		t.Fatalf("error %v, result %+v, events %v", err, res, events)
	}
	lost := map[string]bool{}
	for _, f := range res.Failed {
		lost[strings.TrimPrefix(filepath.ToSlash(f.Item), "/")] = true
	}
	for _, name := range names(t, dir) {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got, _ := os.ReadFile(filepath.Join(target, name))
		hard := name == "odd/hard link" || name == "music/noise.bin"
		if string(got) != string(want) && !lost[name] && !hard {
			t.Errorf("%s is wrong and not in the list %v", name, res.Failed)
		}
	}
	if !lost["music/noise.bin"] && !lost["odd/hard link"] {
		t.Errorf("the damaged file is not in the list %v", res.Failed)
	}
}

func TestRestoreVerifyFindsChanges(t *testing.T) {
	s, _, _, root := sampleBackup(t)
	target := t.TempDir()
	file := filepath.Join(target, "work", "report.txt")
	_, err := s.Restore(t.Context(), RestoreOptions{Snapshot: root, Target: target, Verify: true, OnEvent: func(ev Event) {
		// the restore is over when the verification reports that it begins; the status
		// before it is the last
		if item, ok := ev.(RestoreItem); ok && filepath.ToSlash(item.Path) == "/work" {
			if err := os.WriteFile(file, []byte("overwritten meanwhile"), 0o600); err != nil {
				t.Error(err)
			}
		}
	}})
	var failed *RestoreFailedError
	if !errors.As(err, &failed) || !strings.Contains(failed.Failed[0].Item, "report.txt") {
		t.Errorf("error %v", err)
	}
}

func TestRestoreCancelled(t *testing.T) {
	s, _, _, root := sampleBackup(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := s.Restore(ctx, RestoreOptions{Snapshot: root, Target: t.TempDir(), OnEvent: func(ev Event) {
		if _, ok := ev.(RestoreItem); ok {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
