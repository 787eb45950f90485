package restic

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	engrepository "github.com/restic/restic/rwmlink/repository"
)

func TestUnlock(t *testing.T) {
	s, loc := initLocal(t)
	holder := openAgain(t, loc)
	inUse := func(fn func()) {
		if err := holder.run(t.Context(), access{}, func(context.Context, *engrepository.Repository) error { fn(); return nil }); err != nil {
			t.Error(err)
		}
	}
	inUse(func() {
		locks, err := s.Locks(t.Context())
		if err != nil || len(locks) != 1 || locks[0].PID != os.Getpid() || locks[0].Stale || locks[0].Exclusive {
			t.Errorf("locks %+v, %v", locks, err)
		}
		res, err := s.Unlock(t.Context(), UnlockOptions{})
		if err != nil || len(res.Removed) != 0 || len(res.Kept) != 1 {
			t.Errorf("a lock in use: %+v, %v", res, err)
		}
		late := openAgain(t, loc, WithClock(func() time.Time { return time.Now().Add(31 * time.Minute) }))
		res, err = late.Unlock(t.Context(), UnlockOptions{})
		if err != nil || len(res.Removed) != 0 || len(res.Kept) != 1 {
			t.Errorf("a lock in use, by a clock that is ahead: %+v, %v", res, err)
		}
	})
	if err := holder.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(objects(t, loc, "locks")); n != 0 {
		t.Errorf("%d locks left", n)
	}
}

func TestUnlockAll(t *testing.T) {
	s, loc := initLocal(t)
	holder := openAgain(t, loc)
	if _, err := holder.Snapshots(t.Context(), SnapshotFilter{}); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(loc.String(), "locks", strings.Repeat("ab", 32))
	if err := os.WriteFile(bad, []byte("not a lock, but long enough to be one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Unlock(t.Context(), UnlockOptions{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("an unreadable lock: %v", err)
	}
	res, err := s.Unlock(t.Context(), UnlockOptions{RemoveAll: true})
	if err != nil || len(res.Removed) != 2 {
		t.Errorf("%+v, %v", res, err)
	}
	if n := len(objects(t, loc, "locks")); n != 0 {
		t.Errorf("%d locks left", n)
	}
	ro := openAgain(t, loc, WithoutLock())
	if _, err := ro.Unlock(t.Context(), UnlockOptions{}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("without locks: %v", err)
	}
}
