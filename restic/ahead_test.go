package restic

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// recorded notes the requests for anything but keys and config, in order. Before the
// second listing of the locks, the one that decides, it calls deciding.
type recorded struct {
	*memory
	deciding func()
	loading  func(engbackend.Handle) // before each load, if not nil

	mu      sync.Mutex
	lines   []string
	locks   int
	seen    chan struct{} // closed when snapshots are listed
	indexed chan struct{} // closed when an index is loaded
}

func (r *recorded) backend(context.Context, *options, bool) (engbackend.Backend, error) {
	return r, nil
}

func (r *recorded) note(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
}

func (r *recorded) List(ctx context.Context, t engbackend.FileType, fn func(engbackend.FileInfo) error) error {
	switch t {
	case engbackend.LockFile:
		r.mu.Lock()
		r.locks++
		decides := r.locks == 2
		r.mu.Unlock()
		if decides {
			r.deciding()
		}
	case engbackend.SnapshotFile:
		defer func() {
			select {
			case <-r.seen:
			default:
				close(r.seen)
			}
		}()
	}
	r.note("list " + t.String())
	return r.memory.List(ctx, t, fn)
}

func (r *recorded) Load(ctx context.Context, h engbackend.Handle, length int, offset int64, fn func(io.Reader) error) error {
	if r.loading != nil {
		r.loading(h)
	}
	if h.Type == engbackend.IndexFile {
		defer func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			select {
			case <-r.indexed:
			default:
				close(r.indexed)
			}
		}()
	}
	return r.memory.Load(ctx, h, length, offset, fn)
}

func (r *recorded) Save(ctx context.Context, h engbackend.Handle, rd engbackend.RewindReader) error {
	r.note("save " + h.Type.String())
	return r.memory.Save(ctx, h, rd)
}

// record opens m's repository anew, which has two snapshots.
func record(t *testing.T, opts ...Option) (*Session, *recorded, []ID) {
	t.Helper()
	first, m := initMemory(t)
	ids := []ID{mustBackup(t, first, t.TempDir()).SnapshotID, mustBackup(t, first, t.TempDir()).SnapshotID}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	r := &recorded{memory: m, seen: make(chan struct{}), indexed: make(chan struct{}), deciding: func() {}}
	s := openAgain(t, r, append(opts, WithLockDir(t.TempDir()))...)
	r.lines = nil
	return s, r, ids
}

// listed waits until the snapshots are listed, and returns false if they are not. On a
// machine so busy that the first listing of locks is old when the lock is written,
// nothing is read ahead, which is right.
func (r *recorded) listed() bool { return soon(r.seen) }

func soon(done chan struct{}) bool {
	select {
	case <-done:
		return true
	case <-time.After(2 * time.Second):
		return false
	}
}

// whenAhead calls try until something was read ahead in it, as it returns.
func whenAhead(t *testing.T, try func() (ahead bool)) {
	t.Helper()
	for range 10 {
		if try() {
			return
		}
	}
	t.Error("nothing was read ahead in ten attempts")
}

// The snapshots are listed once the lock is written, not after the pause that follows;
// and nothing is asked for twice.
func TestSnapshotsAreReadWhileLocking(t *testing.T) {
	whenAhead(t, func() bool { return readsWhileLocking(t) })
}

func readsWhileLocking(t *testing.T) (ahead bool) {
	s, r, ids := record(t)
	r.deciding = func() { ahead = r.listed() }
	list, err := s.Snapshots(t.Context(), SnapshotFilter{})
	if err != nil || len(list) != len(ids) {
		t.Fatal(list, err)
	}
	if !ahead {
		return false
	}
	if got := strings.Join(r.lines, ", "); got != "list lock, save lock, list snapshot, list lock" {
		t.Error(got)
	}
	// the lock is held now: a further listing is made when it is asked for
	r.lines = nil
	if list, err = s.Snapshots(t.Context(), SnapshotFilter{}); err != nil || len(list) != len(ids) {
		t.Fatal(list, err)
	}
	if got := strings.Join(r.lines, ", "); got != "list snapshot" {
		t.Error(got)
	}
	return true
}

// So it is for everything that reads snapshots; a full ID is not searched for.
func TestReadersListWhileLocking(t *testing.T) {
	for name, run := range map[string]func(s *Session, first, last ID) error{
		"stats": func(s *Session, _, _ ID) error { _, err := s.Stats(t.Context(), StatsOptions{}); return err },
		"find": func(s *Session, _, _ ID) error {
			return s.Find(t.Context(), FindOptions{Patterns: []string{"x"}}, func(Found) error { return nil })
		},
		"ls": func(s *Session, _, _ ID) error { return s.Ls(t.Context(), LsOptions{Snapshot: "latest"}, LsVisitor{}) },
		"diff": func(s *Session, first, _ ID) error {
			_, err := s.Diff(t.Context(), DiffOptions{From: first.String(), To: "latest"}, nil)
			return err
		},
		"diff of prefixes": func(s *Session, first, last ID) error {
			_, err := s.Diff(t.Context(), DiffOptions{From: first.String()[:20], To: last.String()[:20]}, nil)
			return err
		},
		"rewrite": func(s *Session, _, _ ID) error {
			_, err := s.Rewrite(t.Context(), RewriteOptions{DryRun: true, Patterns: Patterns{Excludes: []string{"x"}}})
			return err
		},
		"a reader": func(s *Session, _, _ ID) error {
			r, err := s.Reader(t.Context())
			if err != nil {
				return err
			}
			return r.Close()
		},
		"ls of an ID": func(s *Session, first, _ ID) error {
			return s.Ls(t.Context(), LsOptions{Snapshot: first.String()}, LsVisitor{})
		},
		"diff of IDs": func(s *Session, first, last ID) error {
			_, err := s.Diff(t.Context(), DiffOptions{From: first.String(), To: last.String()}, nil)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			searched := !strings.Contains(name, "ID")
			want := []string{"list lock", "save lock", "list snapshot", "list index", "list lock"}
			if name == "a reader" || !searched {
				want = slices.Delete(want, 2, 3)
			}
			whenAhead(t, func() (ahead bool) {
				s, r, ids := record(t)
				r.deciding = func() { ahead = soon(r.indexed) }
				if err := run(s, ids[0], ids[1]); err != nil {
					t.Fatal(err)
				}
				if ahead && !slices.Equal(r.lines, want) {
					t.Error(strings.Join(r.lines, ", "))
				}
				return ahead
			})
		})
	}
}

// If the other listing is so old that another process may have taken a lock since and
// be done with it before we look, nothing is listed before that look.
func TestNothingIsReadAheadOfAnOldListing(t *testing.T) {
	s, r, ids := record(t)
	r.before(func(op string, h engbackend.Handle) error {
		if op == "save" && h.Type == engbackend.LockFile {
			time.Sleep(othersWait + time.Millisecond)
		}
		return nil
	})
	list, err := s.Snapshots(t.Context(), SnapshotFilter{})
	if err != nil || len(list) != len(ids) {
		t.Fatal(list, err)
	}
	if got := strings.Join(r.lines, ", "); got != "list lock, save lock, list lock, list snapshot" {
		t.Error(got)
	}
}

// Another process's exclusive lock shows only when it is decided who holds one: what
// was read until then is not used, neither by this attempt nor by the next.
func TestReadAheadWithoutTheLock(t *testing.T) {
	for _, retry := range []time.Duration{0, 30 * time.Second} {
		whenAhead(t, func() bool { return readsWithoutTheLock(t, retry) })
	}
}

func readsWithoutTheLock(t *testing.T, retry time.Duration) (ahead bool) {
	s, r, ids := record(t, WithRetryLock(retry))
	other := ""
	r.deciding = func() {
		ahead = r.listed()
		other = r.plantLock(t, s, &engrestic.Lock{Time: time.Now(), Hostname: "elsewhere", PID: 1, Exclusive: true})
		h := engbackend.Handle{Type: engbackend.SnapshotFile, Name: ids[0].String()}
		if err := r.Backend.Remove(t.Context(), h); err != nil {
			t.Error(err)
		}
	}
	loads := 0
	r.before(func(op string, h engbackend.Handle) error {
		if op == "load" && h.Name == other && retry > 0 {
			if loads++; loads == 3 {
				return r.Backend.Remove(t.Context(), h)
			}
		}
		return nil
	})
	list, err := s.Snapshots(t.Context(), SnapshotFilter{})
	if retry == 0 {
		if !errors.Is(err, ErrLocked) || list != nil {
			t.Error(list, err)
		}
		return ahead
	}
	if err != nil || len(list) != 1 || list[0].ID != ids[1] {
		t.Error(list, err)
	}
	return ahead
}

// What was read ahead belongs to the operation that asked for it.
func TestReadAheadIsNotKept(t *testing.T) {
	whenAhead(t, func() bool { return forgetsWhatIsAhead(t) })
}

func forgetsWhatIsAhead(t *testing.T) (ahead bool) {
	s, r, ids := record(t)
	r.deciding = func() { ahead = r.listed() }
	if _, err := s.Tag(t.Context(), TagOptions{Add: []string{"new"}}); err != nil {
		t.Fatal(err)
	}
	list, err := s.Snapshots(t.Context(), SnapshotFilter{})
	if err != nil || len(list) != len(ids) {
		t.Fatal(list, err)
	}
	for _, sn := range list {
		if slices.Contains(ids, sn.ID) || !slices.Contains(sn.Tags, "new") {
			t.Errorf("%+v", sn)
		}
	}
	return ahead
}

// The config is read before it is known whether the password is right; what is wrong
// with it is no answer to a wrong one.
func TestWrongPasswordAndNoConfig(t *testing.T) {
	t.Parallel()
	_, m := initMemory(t)
	broken := errors.New("no config today")
	m.before(func(_ string, h engbackend.Handle) error {
		if h.Type == engbackend.ConfigFile {
			return broken
		}
		return nil
	})
	if _, err := Open(t.Context(), m, "wrong", WithoutCache(), WithRetryFor(0)); !errors.Is(err, ErrWrongPassword) || errors.Is(err, broken) {
		t.Error(err)
	}
	if _, err := Open(t.Context(), m, testPassword, WithoutCache(), WithRetryFor(0)); !errors.Is(err, broken) || errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}
