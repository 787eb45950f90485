package restic

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cesnet/rwm/internal/harness"
)

// TestRestoreAheadIsTheEngines restores generated trees with the engine's restorer
// alone and with what RWM does beside it, to new places and over other files, and
// compares the files with all their metadata, the events, the counts and the errors.
func TestRestoreAheadIsTheEngines(t *testing.T) {
	s, _ := initLocal(t)
	seed := harness.Seed(t)
	g := newGrove(t, seed, harness.Size(2, 4))
	older := mustBackup(t, s, g.dir).SnapshotID
	g.change(30)
	newer := mustBackup(t, s, g.dir).SnapshotID
	since := time.Now()
	target := filepath.Join(t.TempDir(), "target")
	first := RestoreOptions{Snapshot: older.String() + ":" + g.dir, Target: target, plain: true}
	handled := 0
	for _, over := range []bool{false, true} {
		for _, o := range []RestoreOptions{
			{},
			{Verify: true, Sparse: true},
			{Overwrite: OverwriteIfChanged},
			{Overwrite: OverwriteIfNewer},
			{Overwrite: OverwriteNever},
			{Delete: true},
			{DryRun: true, Delete: true},
			{OwnershipByName: true},
			{Patterns: Patterns{Includes: []string{"*1*"}}, Delete: true},
			{Patterns: Patterns{Includes: []string{"*plain*"}}},
			{Patterns: Patterns{IIncludes: []string{"/*/*PLAIN*", "*2"}}, Verify: true},
			{Patterns: Patterns{Includes: []string{"/*/*/*"}}, Overwrite: OverwriteIfChanged},
			{Patterns: Patterns{Includes: []string{"no such name"}}},
			{Patterns: Patterns{Excludes: []string{"*3*"}}, ExcludeXattrs: []string{"user.*"}},
		} {
			o.Snapshot, o.Target = newer.String()+":"+g.dir, target
			var lanes [2]string
			for i := range lanes {
				if err := os.RemoveAll(target); err != nil {
					t.Fatal(err)
				}
				if over {
					if _, err := s.Restore(t.Context(), first); err != nil {
						t.Logf("first restore: %v", err)
					}
					disturb(target, seed)
					if len(o.ExcludeXattrs) > 0 {
						removeLinked(target)
					}
				}
				o.plain = i == 0
				lanes[i] = restoredText(t, s, o, since)
			}
			if lanes[0] != lanes[1] {
				t.Errorf("over %v, %+v:\n%s", over, o, firstDifference(lanes[0], lanes[1]))
			}
			handled += strings.Count(lanes[1], "file ")
		}
	}
	if handled == 0 {
		t.Error("no file was restored")
	}
}

// disturb changes restored files, the same ones for the same seed.
func disturb(dir string, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 3))
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return nil
		}
		kind := rng.IntN(12)
		info, err := d.Info()
		if err != nil {
			return nil
		}
		switch {
		case kind == 0:
			_ = os.WriteFile(filepath.Join(filepath.Dir(path), "extra"), []byte("extra"), 0o600)
		case d.IsDir():
			if kind == 1 {
				_ = os.RemoveAll(path)
				_ = os.Symlink("/nowhere", path)
				return fs.SkipDir
			}
		case kind == 1:
			_ = os.Remove(path)
		case kind == 2:
			_ = os.Remove(path)
			_ = os.Mkdir(path, 0o755)
		case info.Mode().IsRegular() && kind == 3: // as long, as old, but another
			_ = os.WriteFile(path, []byte(noise(int(info.Size()), seed)), 0o600)
			_ = os.Chtimes(path, info.ModTime(), info.ModTime())
		case info.Mode().IsRegular() && kind == 4:
			_ = os.Truncate(path, info.Size()/2)
		case info.Mode().IsRegular() && kind == 5: // equal, but newer
			_ = os.Chtimes(path, info.ModTime().Add(1e9), info.ModTime().Add(1e9))
		case kind == 6:
			_ = os.Remove(path)
			_ = os.Symlink("/nowhere", path)
		}
		return nil
	})
}

// removeLinked removes all files that are one with others. Where they become several,
// the engine keeps the file that was there for the one that it happens to come to last,
// and with it the attributes that it must not touch.
func removeLinked(dir string) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		var st unix.Stat_t
		if err == nil && !d.IsDir() && unix.Lstat(path, &st) == nil && st.Nlink > 1 {
			_ = os.Remove(path)
		}
		return nil
	})
}

// restoredText restores and says in one text what came of it.
func restoredText(t *testing.T, s *Session, o RestoreOptions, since time.Time) string {
	t.Helper()
	var lines []string
	o.OnEvent = func(ev Event) {
		switch ev := ev.(type) {
		case RestoreItem:
			lines = append(lines, fmt.Sprintf("item %+v", ev))
		case RestoreError:
			lines = append(lines, fmt.Sprintf("error %q %v", ev.Path, ev.Err))
		case Warning:
			lines = append(lines, "warning "+ev.Text)
		}
	}
	res, err := s.Restore(t.Context(), o)
	var failed *RestoreFailedError
	if err != nil && !errors.As(err, &failed) {
		lines = append(lines, "failed "+err.Error())
	}
	if res != nil {
		lines = append(lines, fmt.Sprint("counts ", res.FilesTotal, res.FilesRestored, res.FilesSkipped, res.FilesDeleted,
			res.BytesTotal, res.BytesRestored, res.BytesSkipped, res.FilesVerified, len(res.Failed)))
	}
	slices.Sort(lines)
	files := everything(o.Target, since)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		lines = append(lines, fmt.Sprintf("file %q: %s", name, files[name]))
	}
	return strings.Join(lines, "\n")
}

// everything describes files with all that a restore sets. Times since a moment are no
// such times.
func everything(dir string, since time.Time) map[string]string {
	out := make(map[string]string)
	inodes := make(map[uint64]string)
	_ = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, _ error) error {
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			out[path] = err.Error()
			return nil
		}
		text := fmt.Sprintf("%o %d:%d %d %d", st.Mode, st.Uid, st.Gid, st.Nlink, st.Rdev)
		if at := time.Unix(st.Mtim.Unix()); at.Before(since) {
			text += fmt.Sprint(" ", at)
		}
		if st.Mode&unix.S_IFMT != unix.S_IFDIR {
			if first, ok := inodes[st.Ino]; ok {
				text += " is " + first
			} else {
				inodes[st.Ino] = path
			}
		}
		names := make([]byte, 10_000)
		if n, err := unix.Llistxattr(path, names); err == nil {
			for name := range strings.SplitSeq(strings.TrimRight(string(names[:n]), "\x00"), "\x00") {
				value := make([]byte, 10_000)
				n, _ := unix.Lgetxattr(path, name, value)
				text += fmt.Sprintf(" %s=%x", name, value[:max(n, 0)])
			}
		}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			raw, err := os.ReadFile(path)
			text += fmt.Sprintf(" %d %v %x", len(raw), err, sha256.Sum256(raw))
		case unix.S_IFLNK:
			to, _ := os.Readlink(path)
			text += fmt.Sprintf(" -> %q", to)
		}
		out[path] = text
		return nil
	})
	return out
}

func firstDifference(a, b string) string {
	one, other := strings.Split(a, "\n"), strings.Split(b, "\n")
	var out []string
	for _, line := range one {
		if !slices.Contains(other, line) {
			out = append(out, "the engine: "+line)
		}
	}
	for _, line := range other {
		if !slices.Contains(one, line) {
			out = append(out, "RWM:        "+line)
		}
	}
	return strings.Join(out[:min(len(out), 20)], "\n")
}

// TestRestoreAheadEnds cancels a restore over existing files at its first item.
func TestRestoreAheadEnds(t *testing.T) {
	s, _ := initLocal(t)
	g := newGrove(t, 1, 2)
	id := mustBackup(t, s, g.dir).SnapshotID
	o := RestoreOptions{Snapshot: id.String() + ":" + g.dir, Target: t.TempDir()}
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		o.OnEvent = func(ev Event) {
			if _, ok := ev.(RestoreItem); ok {
				cancel()
			}
		}
		if _, err := s.Restore(ctx, o); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		cancel()
		o.OnEvent = nil
		if _, err := s.Restore(t.Context(), o); err != nil {
			t.Logf("in full: %v", err) // of what the file system refuses
		}
	}
}
