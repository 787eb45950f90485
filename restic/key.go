package restic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/restic/restic/rwmlink/backend"
	"github.com/restic/restic/rwmlink/repository"
	"github.com/restic/restic/rwmlink/restic"
)

// KeyInfo describes a key: one password that opens the repository.
type KeyInfo struct {
	ID ID
	// Current is set for the key that opened the session.
	Current    bool
	User, Host string // who made it, and where
	Created    time.Time
	Err        error // set if the key cannot be read; nothing else is known then
}

// KeyOptions says who makes a key. The defaults are the user and the host of the process.
type KeyOptions struct {
	User, Host string
	// AllowEmptyPassword accepts an empty password, which protects nothing.
	AllowEmptyPassword bool
}

// Keys lists the keys, by time.
func (s *Session) Keys(ctx context.Context) ([]KeyInfo, error) {
	var keys []KeyInfo
	err := s.read(ctx, false, func(ctx context.Context, repo *repository.Repository) error {
		var mu sync.Mutex
		return restic.ParallelList(ctx, repo, restic.KeyFile, repo.Connections(), func(ctx context.Context, id restic.ID, _ int64) error {
			info := KeyInfo{ID: ID(id), Current: ID(id) == s.KeyID()}
			k, err := repository.LoadKey(ctx, repo, id)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				info.Err = err
			} else {
				info.User, info.Host, info.Created = k.Username, k.Hostname, k.Created
			}
			mu.Lock()
			defer mu.Unlock()
			keys = append(keys, info)
			return nil
		})
	})
	slices.SortFunc(keys, func(a, b KeyInfo) int {
		if n := a.Created.Compare(b.Created); n != 0 {
			return n
		}
		return slices.Compare(a.ID[:], b.ID[:])
	})
	return keys, err
}

// AddKey adds a password with which the repository can be opened, too, and makes sure that it works.
func (s *Session) AddKey(ctx context.Context, password string, o KeyOptions) (id ID, err error) {
	err = s.oneWriter(ctx, func() error {
		return s.read(ctx, false, func(ctx context.Context, repo *repository.Repository) error {
			id, err = addKey(ctx, repo, password, o)
			return err
		})
	})
	return id, err
}

func addKey(ctx context.Context, repo *repository.Repository, password string, o KeyOptions) (ID, error) {
	if password == "" && !o.AllowEmptyPassword {
		return ID{}, errors.New("adding a key: the password is empty")
	}
	key, err := repository.AddKey(ctx, repo, password, o.User, o.Host, repo.Key())
	if err != nil {
		return ID{}, fmt.Errorf("adding a key: %w", err)
	}
	if _, err := repository.OpenKey(ctx, repo, key.ID(), password); err != nil {
		_ = repository.RemoveKey(ctx, repo, key.ID())
		return ID{}, fmt.Errorf("the new key does not open the repository and was removed: %w", err)
	}
	return ID(key.ID()), nil
}

// ChangePassword adds a key for the new password and removes the one the session was opened with. The session goes on.
func (s *Session) ChangePassword(ctx context.Context, password string, o KeyOptions) (id ID, err error) {
	err = s.writeUnindexed(ctx, func(ctx context.Context, repo *repository.Repository) error {
		id, err = addKey(ctx, repo, password, o)
		if err != nil {
			return err
		}
		old := s.KeyID()
		s.keyID.Store(&id)
		if err := repository.RemoveKey(ctx, repo, restic.ID(old)); err != nil {
			return fmt.Errorf("the new password works, but the old key %s could not be removed: %w", old.Short(), err)
		}
		return nil
	})
	return id, err
}

// RemoveKey removes a key, named by its ID or the beginning of it. It refuses the one the session was opened with.
//
// A password that was known to somebody is not made harmless by that: who has copied the key, or kept the master key, can
// still read the repository.
func (s *Session) RemoveKey(ctx context.Context, name string) (id ID, err error) {
	err = s.writeUnindexed(ctx, func(ctx context.Context, repo *repository.Repository) error {
		id, err = s.findKey(ctx, name)
		if err != nil {
			return err
		}
		if id == s.KeyID() {
			return fmt.Errorf("key %s is the one in use and cannot be removed", id.Short())
		}
		return repository.RemoveKey(ctx, repo, restic.ID(id))
	})
	return id, err
}

func (s *Session) findKey(ctx context.Context, name string) (found ID, err error) {
	n := 0
	err = s.stack.List(ctx, backend.KeyFile, func(fi backend.FileInfo) error {
		id, err := ParseID(fi.Name)
		if err == nil && name != "" && strings.HasPrefix(fi.Name, name) {
			found = id
			n++
		}
		return nil
	})
	switch {
	case err != nil:
		return ID{}, err
	case n == 0:
		return ID{}, fmt.Errorf("no key begins with %q", name)
	case n > 1:
		return ID{}, fmt.Errorf("%d keys begin with %q, give more of the ID", n, name)
	}
	return found, nil
}
