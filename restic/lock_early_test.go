package restic

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

const childRead = "RWM_RESTIC_TEST_READ"

func init() {
	children["reads"] = func() {
		engrestic.TestSetLockTimeout(quiet{}, time.Hour)
		ctx := context.Background()
		s, err := Open(ctx, Local(os.Getenv(childRead)), testPassword, WithoutCache())
		if err != nil {
			panic(err)
		}
		_, err = s.Snapshots(ctx, SnapshotFilter{})
		_, also := s.Stats(ctx, StatsOptions{})
		_, key := s.Keys(ctx)
		ls := s.Ls(ctx, LsOptions{Snapshot: "latest"}, LsVisitor{})
		find := s.Find(ctx, FindOptions{Patterns: []string{"a"}}, func(Found) error { return nil })
		if err := errors.Join(err, also, key, ls, find, s.Close()); err != nil {
			panic(err)
		}
	}
}

// Readers do not wait for the engine, which waits an hour here, and leave no lock.
func TestReadersDoNotWaitForTheEngine(t *testing.T) {
	s, loc := initLocal(t)
	mustBackup(t, s, writeTree(t, map[string]string{"a": "b"}))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := child(t, "reads", childRead+"="+loc.String()).Run(); err != nil {
		t.Fatal(err)
	}
	if left := objects(t, loc, "locks"); len(left) > 0 {
		t.Error(left)
	}
}

// Writers and checks wait for the engine's lock.
func TestWritersWaitForTheEngine(t *testing.T) {
	first, m := initMemory(t)
	mustBackup(t, first, t.TempDir())
	if first.lock.early != nil {
		t.Error("a backup did not wait")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	s := openAgain(t, m)
	if _, err := s.Check(t.Context(), CheckOptions{}); err != nil || s.lock.early != nil {
		t.Error("a check did not wait", err)
	}
}

// What another session's exclusive lock says is the writer's error; readers of the
// session go on, as they hold a lock that the other must find.
func TestLockOfAnotherBesideAnEarlyOne(t *testing.T) {
	first, m := initMemory(t)
	dir := t.TempDir()
	mustBackup(t, first, dir)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	s := openAgain(t, m, WithRetryFor(0))
	taken, looks := 0, 0
	m.before(func(op string, h engbackend.Handle) error {
		switch {
		case h.Type != engbackend.LockFile:
		case op == "save":
			taken++
		case op == "list":
			looks++
		}
		return nil
	})
	read := func() {
		t.Helper()
		if list, err := s.Snapshots(t.Context(), SnapshotFilter{}); err != nil || len(list) != 1 {
			t.Error(list, err)
		}
	}
	read()
	if s.lock.early == nil || looks != 2 {
		t.Fatalf("not early, or %d looks", looks)
	}
	other := m.plantLock(t, s, &engrestic.Lock{Time: time.Now(), Hostname: "elsewhere", PID: 1, Exclusive: true})
	if _, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}}); !errors.Is(err, ErrLocked) {
		t.Error(err)
	}
	read()
	m.before(nil)
	if err := m.Remove(t.Context(), engbackend.Handle{Type: engbackend.LockFile, Name: other}); err != nil {
		t.Fatal(err)
	}
	mustBackup(t, s, dir)
	if !s.lock.early.settled || taken != 1 {
		t.Errorf("settled %v, %d locks", s.lock.early.settled, taken)
	}
	if err := forgetNothing(t, s); err != nil {
		t.Error(err)
	}
}

// A lock that is released while the engine is still taking it is removed once, and the
// engine's end asks for nothing.
func TestEarlyLockIsRemovedOnce(t *testing.T) {
	first, m := initMemory(t)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	asked := map[string]int{}
	earlies := 0
	const rounds = 20
	for range rounds {
		s := openAgain(t, m, WithRetryFor(0))
		m.before(func(op string, h engbackend.Handle) error {
			if h.Type == engbackend.LockFile {
				asked[op]++
			}
			return nil
		})
		if _, err := s.Snapshots(t.Context(), SnapshotFilter{}); err != nil {
			t.Fatal(err)
		}
		early := s.lock.early
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if early != nil { // it is nil if the look took longer than the engine
			earlies++
			<-early.taken
			s.stack.mu.Lock()
			if n := len(s.stack.early); n > 0 && early.err != nil {
				t.Errorf("%d locks are still remembered", n)
			}
			s.stack.mu.Unlock()
		}
		m.before(nil)
	}
	if asked["save"] != rounds || asked["remove"] != rounds || asked["list"] != 2*rounds || earlies == 0 {
		t.Error(asked, earlies)
	}
	if left := m.names(t, engbackend.LockFile); len(left) > 0 {
		t.Error(left)
	}
}

// The engine's end does not remove a lock that the session is removing: its request
// would fail, and be reported after the session's end.
func TestEarlyLockWhoseRemovalTakesLong(t *testing.T) {
	first, m := initMemory(t)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	s := openAgain(t, m)
	if _, err := s.Snapshots(t.Context(), SnapshotFilter{}); err != nil {
		t.Fatal(err)
	}
	early := s.lock.early
	if early == nil {
		t.Skip("the look took longer than the engine")
	}
	removals := 0
	m.before(func(op string, h engbackend.Handle) error {
		if h.Type == engbackend.LockFile && op == "remove" {
			removals++
			select {
			case <-early.taken:
			case <-time.After(3 * time.Second): // more than the engine takes
			}
		}
		return nil
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	<-early.taken
	m.before(nil)
	if removals != 1 {
		t.Errorf("%d removals", removals)
	}
}

// A reader whose context ends while it takes its lock leaves none.
func TestCancelledWhileLockingEarly(t *testing.T) {
	first, m := initMemory(t)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	for _, look := range []int{1, 2} {
		s := openAgain(t, m, WithRetryFor(0))
		ctx, cancel := context.WithCancel(t.Context())
		looks := 0
		m.before(func(op string, h engbackend.Handle) error {
			if op == "list" && h.Type == engbackend.LockFile {
				if looks++; looks == look {
					cancel()
				}
			}
			return nil
		})
		if list, err := s.Snapshots(ctx, SnapshotFilter{}); !errors.Is(err, context.Canceled) {
			t.Error(look, list, err)
		}
		cancel()
		m.before(nil)
		if left := m.names(t, engbackend.LockFile); len(left) > 0 {
			t.Error(look, left)
		}
		if _, err := s.Snapshots(t.Context(), SnapshotFilter{}); err != nil {
			t.Error(look, err)
		}
		if err := s.Close(); err != nil {
			t.Error(look, err)
		}
	}
}
