package restic

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	engbackend "github.com/restic/restic/rwmlink/backend"
)

// stored returns the paths of a snapshot below dir, without directories' slashes.
func stored(t testing.TB, s *Session, id ID, dir string) []string {
	t.Helper()
	var paths []string
	err := s.Ls(t.Context(), LsOptions{Snapshot: id.String(), Recursive: true}, LsVisitor{Node: func(n Node) error {
		if rel, err := filepath.Rel(dir, n.Path); err == nil && !strings.HasPrefix(rel, "..") && rel != "." {
			paths = append(paths, rel)
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(paths)
	return paths
}

func TestExcludes(t *testing.T) {
	s, _ := initMemory(t)
	dir := writeTree(t, map[string]string{
		"keep.txt": "x", "drop.tmp": "x", "Photo.JPG": "x", "sub/keep.md": "x", "sub/drop.tmp": "x", "large": strings.Repeat("x", 5000),
		"cache/CACHEDIR.TAG": "Signature: 8a477f597d28d172789f06886806bc55\n", "cache/content": "x",
		"marked/.nobackup": "", "marked/content": "x", "secret/key": "x",
	})
	list := filepath.Join(t.TempDir(), "excludes")
	if err := os.WriteFile(list, []byte("# comment\n\n$DROPPED\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DROPPED", "secret")
	res, err := s.Backup(t.Context(), BackupOptions{
		Paths: []string{dir}, Excludes: []string{"*.tmp"}, IExcludes: []string{"*.jpg"}, ExcludeFiles: []string{list},
		ExcludeCaches: true, ExcludeIfPresent: []string{".nobackup"}, ExcludeLargerThan: 4000, OneFileSystem: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"cache", "cache/CACHEDIR.TAG", "keep.txt", "marked", "marked/.nobackup", "sub", "sub/keep.md"}
	if got := stored(t, s, res.SnapshotID, dir); !slices.Equal(got, want) {
		t.Errorf("%q, expected %q", got, want)
	}
}

func TestMetadataOfASnapshot(t *testing.T) {
	s, _ := initMemory(t, WithHostname("session-host"))
	dir := writeTree(t, map[string]string{"a": "x"})
	at := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
	first, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}, Tags: []string{"one", "two"}, Host: "alpha", Time: at, Excludes: []string{"zzz"}})
	if err != nil {
		t.Fatal(err)
	}
	second := mustBackup(t, s, dir)
	list, err := s.Snapshots(t.Context(), SnapshotFilter{})
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	sn := list[0]
	if sn.ID != first.SnapshotID || sn.Hostname != "alpha" || !sn.Time.Equal(at) || !slices.Equal(sn.Tags, []string{"one", "two"}) ||
		!slices.Equal(sn.Paths, []string{dir}) || !slices.Equal(sn.Excludes, []string{"zzz"}) || !strings.HasPrefix(sn.ProgramVersion, "restic 0.") && sn.ProgramVersion != "restic (rwm)" {
		t.Errorf("%+v", sn)
	}
	if list[1].Hostname != "session-host" || !second.ParentID.IsZero() {
		t.Errorf("%+v, parent %v: another host's snapshot is no parent", list[1], second.ParentID)
	}
}

func TestParents(t *testing.T) {
	s, _ := initMemory(t)
	dir, other := writeTree(t, map[string]string{"a": "x"}), writeTree(t, map[string]string{"b": "x"})
	at := time.Now().Add(-time.Hour)
	early, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}, Time: at})
	if err != nil {
		t.Fatal(err)
	}
	late := mustBackup(t, s, dir)
	mustBackup(t, s, other)
	for name, test := range map[string]struct {
		opts BackupOptions
		want ID
	}{
		"latest of the paths": {BackupOptions{Paths: []string{dir}}, late.SnapshotID},
		"not newer":           {BackupOptions{Paths: []string{dir}, Time: at.Add(time.Minute)}, early.SnapshotID},
		"given":               {BackupOptions{Paths: []string{dir}, Parent: early.SnapshotID.Short()}, early.SnapshotID},
		"forced":              {BackupOptions{Paths: []string{dir}, Force: true}, ID{}},
		"other host":          {BackupOptions{Paths: []string{dir}, Host: "beta"}, ID{}},
		"other host, grouped": {BackupOptions{Paths: []string{dir}, Host: "beta", GroupBy: GroupByPaths}, late.SnapshotID},
	} {
		test.opts.DryRun = true
		res, err := s.Backup(t.Context(), test.opts)
		if err != nil || res.ParentID != test.want {
			t.Errorf("%s: %v, %v", name, res, err)
		}
	}
	if _, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}, Parent: "ffffffff"}); !errors.Is(err, ErrNoSnapshot) {
		t.Error(err)
	}
}

func TestDryRunWritesNothing(t *testing.T) {
	s, m := initMemory(t)
	m.before(func(op string, h engbackend.Handle) error {
		if op == "save" || op == "remove" {
			t.Errorf("%s %v", op, h)
		}
		return nil
	})
	dir := writeTree(t, map[string]string{"a": noise(1<<16, 1)})
	res, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}, DryRun: true})
	if err != nil || res.FilesNew != 1 || res.DataAdded < 1<<16 || !res.SnapshotID.IsZero() || !res.DryRun {
		t.Errorf("%+v, %v", res, err)
	}
	m.before(nil)
	if res := mustBackup(t, s, dir); res.FilesNew != 1 || res.DataAdded < 1<<16 {
		t.Errorf("after the dry run: %+v", res)
	}
}

func TestSkipIfUnchanged(t *testing.T) {
	s, m := initMemory(t)
	t.Chdir(writeTree(t, map[string]string{"a": "x"})) // so that the busy directories above are not part of the snapshot
	mustBackup(t, s, ".")
	res, err := s.Backup(t.Context(), BackupOptions{Paths: []string{"."}, SkipIfUnchanged: true})
	if err != nil || !res.SnapshotID.IsZero() || len(m.names(t, engbackend.SnapshotFile)) != 1 {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestMissingPaths(t *testing.T) {
	s, m := initMemory(t)
	dir := writeTree(t, map[string]string{"a": "x"})
	nothing := filepath.Join(dir, "nothing")
	m.before(func(op string, h engbackend.Handle) error {
		t.Errorf("%s %v", op, h)
		return nil
	})
	if _, err := s.Backup(t.Context(), BackupOptions{Paths: []string{nothing}}); !errors.Is(err, ErrNoSource) || !strings.Contains(err.Error(), nothing) || ExitCode(err) != 1 {
		t.Error(err)
	}
	for name, o := range map[string]BackupOptions{
		"nothing":       {},
		"empty path":    {Paths: []string{""}},
		"two sources":   {Paths: []string{dir}, Reader: strings.NewReader("x")},
		"bad pattern":   {Paths: []string{dir}, Excludes: []string{"[a"}},
		"force, parent": {Paths: []string{dir}, Force: true, Parent: "latest"},
	} {
		if _, err := s.Backup(t.Context(), o); err == nil {
			t.Error(name, "was accepted")
		}
	}
	m.before(nil)

	var events []string
	res, err := s.Backup(t.Context(), BackupOptions{Paths: []string{nothing, dir}, OnEvent: func(ev Event) {
		if e, ok := ev.(BackupError); ok {
			events = append(events, e.Path)
		}
	}})
	if !errors.Is(err, ErrIncomplete) || ExitCode(err) != 3 || !strings.Contains(err.Error(), nothing) {
		t.Fatal(err)
	}
	if res == nil || res.SnapshotID.IsZero() || res.ErrorCount != 1 || len(res.Errors) != 1 || res.Errors[0].Item != nothing || !slices.Equal(events, []string{nothing}) {
		t.Errorf("%+v %v", res, events)
	}
	// the session has not been harmed
	mustBackup(t, s, dir)
}

func TestUnreadableFile(t *testing.T) {
	if os.Geteuid() == 0 {
		asNobody(t)
		return
	}
	s, _ := initMemory(t)
	dir := writeTree(t, map[string]string{"a": "x", "b": "y"})
	if err := os.Chmod(filepath.Join(dir, "b"), 0); err != nil {
		t.Fatal(err)
	}
	res, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}})
	if !errors.Is(err, ErrIncomplete) || res.ErrorCount != 1 {
		t.Errorf("%+v, %v", res, err)
	}
}
