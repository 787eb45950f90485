package restic

import (
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// The index is asked for once the snapshots are listed, not once they are read.
func TestIndexIsReadBesideTheSnapshots(t *testing.T) {
	whenAhead(t, func() (ahead bool) {
		s, r, _ := record(t)
		r.deciding = func() { ahead = soon(r.indexed) }
		var first, late atomic.Bool // the memory takes two requests at a time
		r.loading = func(h engbackend.Handle) {
			if h.Type == engbackend.SnapshotFile && first.CompareAndSwap(false, true) {
				late.Store(!soon(r.indexed))
			}
		}
		if _, err := s.Stats(t.Context(), StatsOptions{}); err != nil {
			t.Fatal(err)
		}
		if ahead && late.Load() {
			t.Error("the index waited for a snapshot")
		}
		return ahead
	})
}

// So it is where nothing can be read before the lock is held, as beside another host.
func TestIndexIsReadBesideTheSnapshotsUnderTheLock(t *testing.T) {
	t.Parallel()
	s, r, _ := record(t)
	r.plantLock(t, s, &engrestic.Lock{Time: time.Now(), Hostname: "elsewhere", PID: 1})
	var first, late atomic.Bool
	r.loading = func(h engbackend.Handle) {
		if h.Type == engbackend.SnapshotFile && first.CompareAndSwap(false, true) {
			late.Store(!soon(r.indexed))
		}
	}
	if _, err := s.Stats(t.Context(), StatsOptions{}); err != nil {
		t.Fatal(err)
	}
	if late.Load() {
		t.Error("the index waited for a snapshot")
	}
	lists := slices.DeleteFunc(r.lines, func(line string) bool { return strings.HasSuffix(line, " lock") })
	if got := strings.Join(lists, ", "); got != "list snapshot, list index" {
		t.Error(got)
	}
}

// A snapshot that is there only once the lock is held has its blobs in the index, since
// that is read after it.
func TestSnapshotFoundLateHasItsIndex(t *testing.T) {
	whenAhead(t, func() (ahead bool) {
		s, r, ids := record(t, WithRetryFor(0))
		back := []func(){
			r.takeOut(t, engbackend.IndexFile),
			r.takeOut(t, engbackend.SnapshotFile),
		}
		tried := make(chan struct{})
		try := sync.OnceFunc(func() { close(tried) })
		r.before(func(op string, h engbackend.Handle) error {
			if op == "load" && h.Type == engbackend.SnapshotFile {
				try()
			}
			return nil
		})
		r.deciding = func() {
			ahead = soon(tried)
			for _, put := range back {
				put()
			}
		}
		if err := s.Ls(t.Context(), LsOptions{Snapshot: ids[0].String()}, LsVisitor{}); err != nil {
			t.Error(err)
		}
		return ahead
	})
}

// takeOut removes all objects of a type. The returned function puts them back.
func (r *recorded) takeOut(t *testing.T, ft engbackend.FileType) (putBack func()) {
	t.Helper()
	objects := map[engbackend.Handle][]byte{}
	err := r.Backend.List(t.Context(), ft, func(fi engbackend.FileInfo) error {
		h := engbackend.Handle{Type: ft, Name: fi.Name}
		return r.Backend.Load(t.Context(), h, 0, 0, func(rd io.Reader) (err error) {
			objects[h], err = io.ReadAll(rd)
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	for h := range objects {
		if err := r.Backend.Remove(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		for h, content := range objects {
			if err := r.Backend.Save(t.Context(), h, engbackend.NewByteReader(content, r.Backend.Hasher())); err != nil {
				t.Error(err)
			}
		}
	}
}

// An index that was read in vain, or in part, is read again into an object without it.
func TestIndexIsReadAgainIfItFailed(t *testing.T) {
	t.Parallel()
	notYet := errors.New("not yet")
	for name, run := range map[string]func(s *Session) error{
		"stats": func(s *Session) error {
			res, err := s.Stats(t.Context(), StatsOptions{Mode: StatsRawData})
			if err == nil && res.TotalBlobCount == 0 {
				err = errors.New("nothing was counted")
			}
			return err
		},
		"rewrite": func(s *Session) error {
			_, err := s.Rewrite(t.Context(), RewriteOptions{DryRun: true, Patterns: Patterns{Excludes: []string{"x"}}})
			return err
		},
		"forget": func(s *Session) error {
			_, err := s.Rewrite(t.Context(), RewriteOptions{Forget: true, Patterns: Patterns{Excludes: []string{"x"}}})
			return err
		},
		"backup": func(s *Session) error {
			_, err := s.Backup(t.Context(), BackupOptions{Paths: []string{t.TempDir()}})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // the engine waits a second before it says that a load failed
			whenAhead(t, func() (ahead bool) {
				s, r, _ := record(t, WithRetryFor(0))
				r.deciding = func() { ahead = soon(r.indexed) }
				var lists atomic.Int32
				r.before(func(op string, h engbackend.Handle) error {
					switch {
					case h.Type != engbackend.IndexFile:
					case op == "list":
						lists.Add(1)
					case op == "load" && lists.Load() == 1:
						return notYet
					}
					return nil
				})
				err := run(s)
				r.before(nil)
				if !ahead {
					// On a busy machine the first listing was the operation's own.
					if err != nil && !errors.Is(err, notYet) {
						t.Error(err)
					}
					return false
				}
				if err != nil {
					t.Error(err)
				}
				if lists.Load() != 2 {
					t.Error(strings.Join(r.lines, ", "))
				}
				return true
			})
		})
	}
}
