package restic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/resticcli"
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
	t.Helper()
	list := make([]uint64, harness.Size(few, many))
	first := harness.Seed(t)
	for i := range list {
		list[i] = first + uint64(i)
	}
	return list
}
