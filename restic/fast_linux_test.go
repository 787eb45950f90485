package restic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/resticcli"
	"github.com/cesnet/rwm/restic/internal/unchanged"
)

// A lane is one way to back up, with a repository of its own.
type lane struct {
	name string
	loc  Location
	s    *Session       // nil for the command
	cli  *resticcli.CLI // nil otherwise
}

// outcome is what has to be the same in every lane.
type outcome struct {
	Snapshot Snapshot
	Failed   bool
	Errors   []string // sorted
	Events   []string // sorted; only in lanes with a session
}

// lanes makes one repository and copies of it, so that files are cut in the same
// places.
func lanes(t *testing.T, withCLI bool) []*lane {
	t.Helper()
	s, loc := initLocal(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open := func(name string, ahead aheadOptions) *lane {
		l := &lane{name: name, loc: copyRepository(t, loc)}
		l.s = openAgain(t, l.loc)
		l.s.opts.ahead = ahead
		return l
	}
	all := []*lane{
		open("plain", aheadOptions{off: true}),
		open("fast", aheadOptions{}),
		open("fast, hardly ahead", aheadOptions{bytes: 1, entries: 1}),
	}
	if withCLI && !testing.Short() {
		all = append(all, &lane{name: "restic", loc: copyRepository(t, loc), cli: resticcli.Current(t)})
	}
	return all
}

// backup makes one backup, by the command with args.
func (l *lane) backup(t *testing.T, cwd string, o BackupOptions, args []string) (out outcome) {
	t.Helper()
	s := l.s
	if l.cli != nil {
		args = append([]string{"--json", "backup"}, args...)
		res := l.cli.RunIn(t, cwd, cliRepo(t, l.loc), append(args, o.Paths...)...)
		if res.Code != 0 && res.Code != 3 {
			t.Fatalf("restic: %d\n%s", res.Code, res.Stderr)
		}
		out.Failed = res.Code == 3
		for line := range bytes.Lines(res.Stderr) {
			var msg struct {
				Type   string `json:"message_type"`
				During string
				Item   string
			}
			if json.Unmarshal(line, &msg) == nil && msg.Type == "error" && msg.During != "scan" {
				out.Errors = append(out.Errors, msg.Item)
			}
		}
		s = openAgain(t, l.loc)
	} else {
		var last BackupStatus
		var scanned *BackupScanned // absent if the backup was faster than the scan
		o.OnEvent = func(ev Event) {
			switch ev := ev.(type) {
			case BackupStatus:
				last = ev
			case BackupScanned:
				scanned = &ev
			case BackupError:
				if ev.DuringScan { // there may be no scan
					return
				}
				out.Events = append(out.Events, fmt.Sprintf("%T %+v", ev, ev))
			case Warning:
				out.Events = append(out.Events, fmt.Sprintf("%T %+v", ev, ev))
			}
		}
		res, err := s.Backup(t.Context(), o)
		if err != nil && !errors.Is(err, ErrIncomplete) {
			t.Fatalf("%s: %v", l.name, err)
		}
		out.Failed = err != nil
		for _, e := range res.Errors {
			out.Errors = append(out.Errors, e.Item)
		}
		if scanned != nil && !out.Failed && (uint64(res.FilesProcessed) != scanned.Files || res.BytesProcessed != scanned.Bytes) {
			t.Errorf("%s: %+v, but there are %d files of %d bytes", l.name, *scanned, res.FilesProcessed, res.BytesProcessed)
		}
		out.Events = append(out.Events, fmt.Sprintf("done %d files, %d bytes, errors %d", last.FilesDone, last.BytesDone, last.Errors))
		slices.Sort(out.Events)
	}
	slices.Sort(out.Errors)
	out.Snapshot = newest(t, s)
	return out
}

func newest(t *testing.T, s *Session) Snapshot {
	t.Helper()
	all, err := s.Snapshots(t.Context(), SnapshotFilter{})
	if err != nil || len(all) == 0 {
		t.Fatal(len(all), err)
	}
	return slices.MaxFunc(all, func(a, b Snapshot) int { return a.Time.Compare(b.Time) })
}

// agree backs up in every lane and compares the outcomes.
func agree(t *testing.T, all []*lane, cwd, step string, o BackupOptions, args ...string) outcome {
	t.Helper()
	var first outcome
	for i, l := range all {
		got := l.backup(t, cwd, o, args)
		if i == 0 {
			first = got
			continue
		}
		want := first
		if l.cli != nil {
			want.Events = nil
		}
		ignored := []string{"ID", "id", "short_id", "Parent", "parent", "Time", "time", "ProgramVersion", "program_version",
			"BackupStart", "backup_start", "BackupEnd", "backup_end"}
		differ := ""
		if got.Snapshot.Tree != want.Snapshot.Tree {
			differ = treesDiffer(t, filepath.Dir(filepath.Dir(cwd)), all[0], l, want.Snapshot.ID, got.Snapshot.ID)
			if slices.ContainsFunc(o.Paths, filepath.IsAbs) && differ == "" {
				// Directories above the targets are everybody's.
				ignored = append(ignored, "tree", "dirs_changed", "dirs_unmodified", "tree_blobs", "data_added", "data_added_packed")
			}
		}
		if differ != "" {
			t.Errorf("%s: %s made the tree %v, want %v:\n%s", step, l.name, got.Snapshot.Tree, want.Snapshot.Tree,
				differ)
		}
		sameJSON(t, step+": "+l.name, got, want, ignored...)
	}
	return first
}

// treesDiffer shows the lines in which two lanes' snapshots differ, without the
// directories on the way to above.
func treesDiffer(t *testing.T, above string, a, b *lane, x, y ID) string {
	lines := func(l *lane, id ID) map[string]bool {
		s := l.s
		if s == nil {
			s = openAgain(t, l.loc)
		}
		out := map[string]bool{}
		err := s.inSnapshot(t.Context(), id.String(), SnapshotFilter{}, func(ctx context.Context, repo *engrepository.Repository, sn *engdata.Snapshot, _ string) error {
			var walk func(path string, tree engrestic.ID) error
			walk = func(path string, tree engrestic.ID) error {
				nodes, err := engdata.LoadTree(ctx, repo, tree)
				if err != nil {
					return err
				}
				for n := range nodes {
					if n.Error != nil {
						return n.Error
					}
					raw, _ := json.Marshal(n.Node)
					if n.Node.Subtree == nil || !strings.HasPrefix(above, path+"/"+n.Node.Name) {
						out[path+" "+string(raw)] = true
					}
					if n.Node.Subtree != nil {
						if err := walk(path+"/"+n.Node.Name, *n.Node.Subtree); err != nil {
							return err
						}
					}
				}
				return nil
			}
			return walk("", *sn.Tree)
		})
		if err != nil {
			t.Error(l.name, err)
		}
		return out
	}
	var text strings.Builder
	in, out := lines(a, x), lines(b, y)
	for line := range in {
		if !out[line] {
			fmt.Fprintln(&text, "-", line)
		}
	}
	for line := range out {
		if !in[line] {
			fmt.Fprintln(&text, "+", line)
		}
	}
	return text.String()
}

func seeds(t *testing.T, few, many int) []uint64 {
	n := few
	if os.Getenv("RWM_TEST_ALL") != "" {
		n = many
	}
	list := []uint64{1}
	for len(list) < n {
		list = append(list, rand.Uint64())
	}
	t.Log("seeds", list)
	return list
}

// After any change between two backups, looking ahead makes the same snapshot as
// restic's archiver does alone, and as the restic command does.
func TestFastBackupAgrees(t *testing.T) {
	harness.NotShort(t)
	for i, seed := range seeds(t, 2, 30) {
		g := newGrove(t, seed, 2)
		all := lanes(t, i == 0)
		cwd := filepath.Dir(g.dir)
		t.Chdir(cwd)
		o := BackupOptions{Paths: []string{"grove"}, Host: "host"}
		host := []string{"--host", "host"}
		agree(t, all, cwd, "first", o, host...)
		var hidden unchanged.Counts
		all[1].s.opts.ahead.hidden = func(c unchanged.Counts) { hidden = c }
		last := agree(t, all, cwd, "unchanged", o, host...)
		if sum := last.Snapshot.Summary; hidden.Files < sum.FilesUnmodified*9/10 || hidden.Files == 0 {
			t.Errorf("of %d unchanged files the engine was spared %d", sum.FilesUnmodified, hidden.Files)
		}
		for _, n := range []int{1, 3, 40} {
			g.change(n)
			agree(t, all, cwd, fmt.Sprintf("seed %d, %d changes", seed, n), o, host...)
		}
		g.change(5)
		ignore := o
		ignore.IgnoreInode = true
		agree(t, all, cwd, "ignoring inodes", ignore, append(host, "--ignore-inode")...)
		g.change(5)
		ignore = o
		ignore.IgnoreCtime = true
		agree(t, all, cwd, "ignoring ctimes", ignore, append(host, "--ignore-ctime")...)
		force := o
		force.Force = true
		agree(t, all, cwd, "forced", force, append(host, "--force")...)
		g.removeLinks() // reading one changes its access time
		atime := o
		atime.WithAtime = true
		agree(t, all, cwd, "with access times", atime, append(host, "--with-atime")...)
		agree(t, all, cwd, "without access times again", o, host...)
	}
}

// What is left out may change from one backup to the next.
func TestFastBackupSelects(t *testing.T) {
	g := newGrove(t, 3, 1)
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(g.dir, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	write("cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# x")
	write("cache/entry", "x")
	write("bad cache/CACHEDIR.TAG", "Signa")
	write("bad cache/entry", "x")
	write("off/.nobackup", "")
	write("off/sub/entry", "x")
	write("keep/a.tmp", "a")
	write("keep/b.TMP", "b")
	write("keep/sub/c", "c")
	all := lanes(t, true)
	cwd := filepath.Dir(g.dir)
	t.Chdir(cwd)
	host := []string{"--host", "host"}
	for _, tc := range []struct {
		args []string
		o    BackupOptions
	}{
		{nil, BackupOptions{}},
		{[]string{"--exclude", "*.tmp"}, BackupOptions{Excludes: []string{"*.tmp"}}},
		{[]string{"--iexclude", "*.tmp", "--exclude", "keep/sub"}, BackupOptions{IExcludes: []string{"*.tmp"}, Excludes: []string{"keep/sub"}}},
		{[]string{"--exclude", "*", "--exclude", "!keep"}, BackupOptions{Excludes: []string{"*", "!keep"}}},
		{[]string{"--exclude-caches"}, BackupOptions{ExcludeCaches: true}},
		{[]string{"--exclude-if-present", ".nobackup"}, BackupOptions{ExcludeIfPresent: []string{".nobackup"}}},
		{[]string{"--exclude-larger-than", "120"}, BackupOptions{ExcludeLargerThan: 120}},
		{[]string{"--one-file-system"}, BackupOptions{OneFileSystem: true}},
		{nil, BackupOptions{}},
	} {
		tc.o.Paths, tc.o.Host = []string{"grove"}, "host"
		agree(t, all, cwd, fmt.Sprint(tc.args), tc.o, append(host, tc.args...)...)
		agree(t, all[:3], cwd, fmt.Sprint(tc.args, " again"), tc.o)
	}
}

// Targets may be relative, above and below one another, or the root.
func TestFastBackupTargets(t *testing.T) {
	harness.NotShort(t)
	g := newGrove(t, 4, 1)
	for _, dir := range []string{"one/deep/er", "two", "one/other"} {
		sub := filepath.Join(g.dir, dir)
		if err := os.MkdirAll(sub, 0o755); err != nil {
			t.Fatal(err)
		}
		g.grow(sub, 1)
	}
	t.Chdir(filepath.Join(g.dir, "one"))
	cwd := filepath.Join(g.dir, "one")
	all := lanes(t, true)
	for _, paths := range [][]string{
		{"."}, {"deep", "../two"}, {"deep/er", "deep", "other"}, {".", "deep/er", "../two"}, {"..", "../two"},
		{g.dir + "/two", "other", g.dir + "/one/deep/"}, {"../two/../two"}, {g.dir + "//one", g.dir + "/two"},
	} {
		o := BackupOptions{Paths: paths, Host: "host"}
		for range 2 {
			agree(t, all, cwd, fmt.Sprint(paths), o, "--host", "host")
			g.change(2)
			if _, err := os.Lstat(filepath.Join(cwd, "deep", "er")); err != nil {
				_ = os.MkdirAll(filepath.Join(cwd, "deep", "er"), 0o755)
			}
			for _, dir := range []string{"one/deep/er", "two", "one/other"} {
				_ = os.MkdirAll(filepath.Join(g.dir, dir), 0o755)
			}
		}
	}
}

// What cannot be read is reported and left out, and is backed up again when it
// can be read.
func TestFastBackupUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		asNobody(t)
		return
	}
	g := newGrove(t, 5, 1)
	cwd := filepath.Dir(g.dir)
	t.Chdir(cwd)
	for path, mode := range map[string]os.FileMode{"open/file": 0o644, "shut/file": 0o644, "blind/file": 0o644, "secret": 0o644} {
		path = filepath.Join(g.dir, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("text"), mode)); err != nil {
			t.Fatal(err)
		}
	}
	all := lanes(t, true)
	o := BackupOptions{Paths: []string{"grove"}, Host: "host"}
	for _, modes := range []map[string]os.FileMode{
		{}, {"secret": 0, "shut": 0, "blind": 0o444}, {"open": 0o500}, {"secret": 0o600, "shut": 0o755}, {"blind": 0o111, "open": 0}, {"open": 0o700, "blind": 0o700},
	} {
		for path, mode := range modes {
			if err := os.Chmod(filepath.Join(g.dir, path), mode); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			agree(t, all, cwd, fmt.Sprint(modes), o, "--host", "host")
		}
	}
}

// Files that change during a backup end up in it in one state or another; the
// repository stays sound, and the next backup makes it up.
func TestFastBackupWhileFilesChange(t *testing.T) {
	harness.NotShort(t)
	for _, seed := range seeds(t, 1, 10) {
		g := newGrove(t, seed, 2)
		cwd := filepath.Dir(g.dir)
		t.Chdir(cwd)
		all := lanes(t, false)
		o := BackupOptions{Paths: []string{"grove"}, Host: "host"}
		agree(t, all, cwd, "first", o)
		for _, l := range all[1:] {
			var wg sync.WaitGroup
			stop := make(chan struct{})
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						g.change(1)
					}
				}
			})
			for range 4 {
				if _, err := l.s.Backup(t.Context(), o); err != nil && !errors.Is(err, ErrIncomplete) {
					t.Errorf("%s: %v", l.name, err)
				}
			}
			close(stop)
			wg.Wait()
			if res, err := l.s.Check(t.Context(), CheckOptions{}); err != nil || len(res.Findings) > 0 {
				t.Errorf("%s: %v %v", l.name, res, err)
			}
		}
		want := ID{}
		for _, l := range all {
			if got := l.backup(t, cwd, o, nil).Snapshot.Tree; want.IsZero() {
				want = got
			} else if got != want {
				t.Errorf("seed %d: %s made the tree %v, want %v", seed, l.name, got, want)
			}
		}
	}
}
