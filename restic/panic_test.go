package restic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cesnet/rwm/internal/events"
)

// errBroken is what the caller's functions below panic with.
var errBroken = errors.New("a fault of the caller's function")

func broken() { panic(errBroken) }

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { broken(); return 0, nil }

// brokenFS panics in one of its methods and of those of its files.
type brokenFS struct {
	fs.FS
	in string
}

func (b brokenFS) Open(name string) (fs.File, error) {
	if b.in == "Open" && name != "." {
		broken()
	}
	f, err := b.FS.Open(name)
	return brokenFile{f, b.in}, err
}

type brokenFile struct {
	fs.File
	in string
}

func (f brokenFile) Read(p []byte) (int, error) {
	if f.in == "Read" {
		broken()
	}
	return f.File.Read(p)
}

func (f brokenFile) ReadDir(n int) ([]fs.DirEntry, error) {
	if f.in == "ReadDir" {
		broken()
	}
	return f.File.(fs.ReadDirFile).ReadDir(n)
}

func (f brokenFile) Stat() (fs.FileInfo, error) {
	if f.in == "Stat" {
		return nil, nil // what some mocks do
	}
	return f.File.Stat()
}

func (f brokenFile) Close() error {
	if f.in == "Close" {
		broken()
	}
	return f.File.Close()
}

// What a function of the caller's panics with comes back to the caller, as a panic or
// an error of the operation: never in a goroutine of ours, where it would end the
// program. The session goes on working, and nothing stays locked.
func TestPanicsOfTheCallersFunctionsReachTheCaller(t *testing.T) {
	dir := t.TempDir()
	for i := range 30 {
		name := filepath.Join(dir, fmt.Sprintf("d%d", i%3), fmt.Sprintf("f%d", i))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(strings.Repeat(name, 100)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	onEvent := func(Event) { broken() }
	tree := fstest.MapFS{"dir/a": {Data: []byte("a")}, "dir/b": {Data: []byte("b")}}
	ops := map[string]func(ctx context.Context, s *Session) error{
		"Backup OnEvent": func(ctx context.Context, s *Session) error {
			_, err := s.Backup(ctx, BackupOptions{Paths: []string{dir}, OnEvent: onEvent})
			return err
		},
		"Backup Items": func(ctx context.Context, s *Session) error {
			_, err := s.Backup(ctx, BackupOptions{Paths: []string{dir}, Force: true, Items: true, OnEvent: func(e Event) {
				if _, ok := e.(BackupItem); ok {
					broken()
				}
			}})
			return err
		},
		"Backup Select": func(ctx context.Context, s *Session) error {
			_, err := s.Backup(ctx, BackupOptions{Paths: []string{dir}, Select: func(string, fs.FileInfo) bool { broken(); return true }})
			return err
		},
		"Backup Select in a directory": func(ctx context.Context, s *Session) error {
			_, err := s.Backup(ctx, BackupOptions{Paths: []string{dir}, Select: func(_ string, info fs.FileInfo) bool {
				if !info.IsDir() {
					broken()
				}
				return true
			}})
			return err
		},
		"Backup Files": func(ctx context.Context, s *Session) error {
			_, err := s.Backup(ctx, BackupOptions{Files: func(yield func(FileHeader, io.ReadCloser) bool) {
				if yield(FileHeader{Path: "/a"}, io.NopCloser(strings.NewReader("a"))) {
					broken()
				}
			}})
			return err
		},
		"Backup Reader": func(ctx context.Context, s *Session) error {
			_, err := s.Backup(ctx, BackupOptions{Reader: readFunc(func([]byte) (int, error) { broken(); return 0, nil })})
			return err
		},
		"Restore OnEvent": func(ctx context.Context, s *Session) error {
			_, err := s.Restore(ctx, RestoreOptions{Snapshot: "latest", Target: filepath.Join(t.TempDir(), "back"), OnEvent: onEvent})
			return err
		},
		"Check OnEvent": func(ctx context.Context, s *Session) error {
			_, err := s.Check(ctx, CheckOptions{ReadData: true, OnEvent: onEvent})
			return err
		},
		"Check Subset": func(ctx context.Context, s *Session) error {
			_, err := s.Check(ctx, CheckOptions{ReadData: true, Subset: SubsetFunc(func(ID) bool { broken(); return true })})
			return err
		},
		"Prune OnEvent": func(ctx context.Context, s *Session) error {
			_, err := s.Prune(ctx, PruneOptions{OnEvent: onEvent})
			return err
		},
		"Forget OnEvent": func(ctx context.Context, s *Session) error {
			_, err := s.Forget(ctx, ForgetOptions{Policy: Policy{Last: 1}, DryRun: true, OnEvent: onEvent})
			return errors.Join(err, errBroken) // it may have nothing to say
		},
		"Forget Select": func(ctx context.Context, s *Session) error {
			_, err := s.Forget(ctx, ForgetOptions{Policy: Policy{Last: 1}, Select: func(Snapshot) bool { broken(); return true }})
			return err
		},
		"Stats OnEvent": func(ctx context.Context, s *Session) error {
			_, err := s.Stats(ctx, StatsOptions{Mode: StatsRawData, OnEvent: onEvent})
			return err
		},
		"RepairIndex OnEvent": func(ctx context.Context, s *Session) error {
			_, err := s.RepairIndex(ctx, RepairIndexOptions{ReadAllPacks: true, OnEvent: onEvent})
			return err
		},
		"Recover OnEvent": func(ctx context.Context, s *Session) error {
			_, err := s.Recover(ctx, RecoverOptions{OnEvent: onEvent})
			return err
		},
		"Rewrite OnEvent": func(ctx context.Context, s *Session) error {
			_, err := s.Rewrite(ctx, RewriteOptions{Patterns: Patterns{Excludes: []string{"f1"}}, DryRun: true, OnEvent: onEvent})
			return err
		},
		"Find fn": func(ctx context.Context, s *Session) error {
			return s.Find(ctx, FindOptions{Patterns: []string{"f*"}}, func(Found) error { broken(); return nil })
		},
		"Ls Node": func(ctx context.Context, s *Session) error {
			return s.Ls(ctx, LsOptions{Snapshot: "latest"}, LsVisitor{Node: func(Node) error { broken(); return nil }})
		},
		"Ls Snapshot": func(ctx context.Context, s *Session) error {
			return s.Ls(ctx, LsOptions{Snapshot: "latest"}, LsVisitor{Snapshot: func(Snapshot) error { broken(); return nil }})
		},
		"Nodes": func(ctx context.Context, s *Session) error {
			for range s.Nodes(ctx, "latest", "/") {
				broken()
			}
			return nil
		},
		"Diff Snapshots": func(ctx context.Context, s *Session) error {
			_, err := s.Diff(ctx, DiffOptions{From: "latest", To: "latest", Snapshots: func(_, _ Snapshot) error { broken(); return nil }}, nil)
			return err
		},
		"Diff fn": func(ctx context.Context, s *Session) error {
			list, err := s.Snapshots(ctx, SnapshotFilter{})
			if err != nil {
				return err
			}
			_, err = s.Diff(ctx, DiffOptions{From: list[0].ID.String(), To: list[1].ID.String()}, func(Change) error { broken(); return nil })
			return err
		},
		"ListObjects fn": func(ctx context.Context, s *Session) error {
			return s.ListObjects(ctx, ObjectSnapshot, func(Object) error { broken(); return nil })
		},
		"ListObjects fn of blobs": func(ctx context.Context, s *Session) error {
			return s.ListObjects(ctx, ObjectBlob, func(Object) error { broken(); return nil })
		},
		"Dump": func(ctx context.Context, s *Session) error {
			return s.Dump(ctx, DumpOptions{Snapshot: "latest", Path: "/"}, brokenWriter{})
		},
		"Prove Suspect": func(ctx context.Context, s *Session) error {
			_, err := Prove(ctx, s.Location(), testPassword, ProveOptions{Suspect: func(string) bool { broken(); return true }}, WithoutCache())
			return errors.Join(err, errBroken)
		},
		"Prove OnEvent": func(ctx context.Context, s *Session) error {
			_, err := Prove(ctx, s.Location(), testPassword, ProveOptions{OnEvent: onEvent}, WithoutCache())
			return err
		},
		"CopyTo OnEvent": func(ctx context.Context, s *Session) error {
			to, _ := initMemory(t)
			_, err := s.CopyTo(ctx, to, CopyOptions{OnEvent: onEvent})
			return err
		},
		"Migrate OnEvent": func(ctx context.Context, s *Session) error {
			return s.Migrate(ctx, "upgrade_repo_v2", MigrateOptions{Force: true, OnEvent: func(e Event) {
				if m, ok := e.(Message); ok && strings.HasPrefix(m.Text, "applying") { // under the lock
					broken()
				}
			}})
		},
		"Tag OnEvent": func(ctx context.Context, s *Session) error {
			_, err := s.Tag(ctx, TagOptions{Add: []string{"x"}, OnEvent: onEvent})
			return err
		},
	}
	for _, in := range []string{"Open", "Read", "ReadDir", "Stat", "Close"} {
		ops["Backup FS "+in] = func(ctx context.Context, s *Session) error {
			_, err := s.Backup(ctx, BackupOptions{FS: brokenFS{tree, in}})
			if err != nil { // of a file: its message is in the event
				return fmt.Errorf("%w: %w", errBroken, err)
			}
			return err
		}
	}
	for name, op := range ops {
		t.Run(name, func(t *testing.T) {
			s, m := initMemory(t)
			mustBackup(t, s, dir)
			mustBackup(t, s, filepath.Join(dir, "d1"))
			ended := make(chan error, 1)
			go func() {
				var err error
				if p := events.Catch(func() { err = op(t.Context(), s) }); p != nil {
					err = p
				}
				ended <- err
			}()
			select {
			case err := <-ended:
				if !errors.Is(err, errBroken) {
					t.Errorf("the caller got: %v", err)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("it does not end")
			}
			mustHaveSnapshots(t, s, 2+strings.Count(name, "Backup OnEvent")+strings.Count(name, "Backup Items")+strings.Count(name, "FS Read")-strings.Count(name, "FS ReadDir"))
			mustBackup(t, s, dir)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			mustBeSound(t, m)
		})
	}
}

// The same of the events of a session.
func TestPanicOfWithEvents(t *testing.T) {
	s, m := initMemory(t)
	mustBackup(t, s, t.TempDir())
	p := events.Catch(func() {
		s.opts.events = events.New(func(Event) { broken() })
		s.opts.events.Emit(Waiting{})
		mustHaveSnapshots(t, s, 1)
	})
	if p == nil || !errors.Is(p.Value.(error), errBroken) {
		t.Errorf("the caller got %v", p)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	mustBeSound(t, m)
}
