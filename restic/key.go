package restic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
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

// KeyOptions describes a new key. The defaults are the user and the host of the
// process.
type KeyOptions struct {
	User, Host string
	// AllowEmptyPassword accepts an empty password, which protects nothing.
	AllowEmptyPassword bool
}

// Keys lists the keys, by time.
func (s *Session) Keys(ctx context.Context) ([]KeyInfo, error) {
	var keys []KeyInfo
	err := s.run(ctx, access{}, func(ctx context.Context, repo *engrepository.Repository) error {
		var mu sync.Mutex
		return engrestic.ParallelList(ctx, repo, engrestic.KeyFile, repo.Connections(), func(ctx context.Context, id engrestic.ID, _ int64) error {
			info := s.openedWith // a key's name is the hash of its content: that stays
			if info.ID != ID(id) || info.Created.IsZero() {
				k, err := engrepository.LoadKey(ctx, repo, id)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				info = keyInfo(ID(id), k)
				info.Err = err
			}
			info.Current = info.ID == s.KeyID()
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

// keyInfo describes a key, or says no more than its ID if k is nil.
func keyInfo(id ID, k *engrepository.Key) KeyInfo {
	if k == nil {
		return KeyInfo{ID: id}
	}
	return KeyInfo{ID: id, User: k.Username, Host: k.Hostname, Created: k.Created}
}

// AddKey adds another password to the repository and verifies that it works.
func (s *Session) AddKey(ctx context.Context, password string, o KeyOptions) (id ID, err error) {
	err = s.run(ctx, access{write: true}, func(ctx context.Context, repo *engrepository.Repository) error {
		id, err = addKey(ctx, repo, password, o)
		return err
	})
	return id, err
}

func addKey(ctx context.Context, repo *engrepository.Repository, password string, o KeyOptions) (ID, error) {
	if password == "" && !o.AllowEmptyPassword {
		return ID{}, errors.New("adding a key: the password is empty")
	}
	key, err := engrepository.AddKey(ctx, repo, password, o.User, o.Host, repo.Key())
	if err != nil {
		return ID{}, fmt.Errorf("adding a key: %w", err)
	}
	if _, err := engrepository.OpenKey(ctx, repo, key.ID(), password); err != nil {
		_ = engrepository.RemoveKey(ctx, repo, key.ID())
		return ID{}, fmt.Errorf("the new key does not open the repository and was removed: %w", err)
	}
	return ID(key.ID()), nil
}

// ChangePassword adds a key for the new password and removes the one the session was
// opened with. The session stays usable.
func (s *Session) ChangePassword(ctx context.Context, password string, o KeyOptions) (id ID, err error) {
	err = s.run(ctx, access{lock: exclusiveLock}, func(ctx context.Context, repo *engrepository.Repository) error {
		id, err = addKey(ctx, repo, password, o)
		if err != nil {
			return err
		}
		old := s.KeyID()
		s.keyID.Store(&id)
		if err := engrepository.RemoveKey(ctx, repo, engrestic.ID(old)); err != nil {
			return fmt.Errorf("the new password works, but the old key %s could not be removed: %w", old.Short(), err)
		}
		return nil
	})
	return id, err
}

// RemoveKey removes a key, named by its ID or a prefix of it. It refuses to remove the
// one the session was opened with.
//
// That does not revoke access: an attacker who copied the key object and knows its
// password, or kept the master key, can still read the repository.
func (s *Session) RemoveKey(ctx context.Context, name string) (id ID, err error) {
	err = s.run(ctx, access{lock: exclusiveLock}, func(ctx context.Context, repo *engrepository.Repository) error {
		id, err = s.findKey(ctx, name)
		if err != nil {
			return err
		}
		if id == s.KeyID() {
			return fmt.Errorf("key %s is the one in use and cannot be removed", id.Short())
		}
		return engrepository.RemoveKey(ctx, repo, engrestic.ID(id))
	})
	return id, err
}

func (s *Session) findKey(ctx context.Context, name string) (found ID, err error) {
	n := 0
	err = s.stack.List(ctx, engbackend.KeyFile, func(fi engbackend.FileInfo) error {
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
