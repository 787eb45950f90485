package restic

import (
	"os"
	"path/filepath"
	"sync"

	"github.com/gofrs/flock"
)

// aliveFiles show on this host whether the process that took a lock still runs: for
// every lock the process holds a file with flock, which the kernel releases however the
// process ends. Process numbers are not enough: two containers with the same host name
// (or two cloned machines) both run as process 1, and if one took the other for dead it
// would prune data that is being backed up.
type aliveFiles struct {
	dir string // "" if no directory is available

	mu   sync.Mutex
	held map[string]*flock.Flock
}

func newAliveFiles(dir string) *aliveFiles {
	return &aliveFiles{dir: dir, held: map[string]*flock.Flock{}}
}

// UserLockDir returns the directory in which the processes of a user show each other
// that they still hold their locks, unless an option names another: rwm/locks in the
// user's cache directory, or in /var/cache for a service without a home.
func UserLockDir() string {
	base, err := os.UserCacheDir()
	if err != nil {
		base = "/var/cache"
	}
	return filepath.Join(base, "rwm", "locks")
}

// aliveDir is where locks are shown to be held; "" is nowhere. A program that named
// directories, or wants no cache, finds nothing of ours in others.
func (o *options) aliveDir() string {
	switch {
	case o.lockDir != "":
		return o.lockDir
	case o.cacheDir != "":
		return filepath.Join(o.cacheDir, "locks")
	case o.noCache:
		return ""
	}
	return UserLockDir()
}

// hold marks the named lock as ours. Without a directory it does nothing: then only age
// makes a lock stale.
func (a *aliveFiles) hold(name string) {
	if a.dir == "" || os.MkdirAll(a.dir, 0o700) != nil {
		return
	}
	f := flock.New(filepath.Join(a.dir, name))
	if ok, err := f.TryLock(); err != nil || !ok {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held[name] = f
}

// release removes the file of a released lock, before unlocking it, so that no other
// process finds it unlocked.
func (a *aliveFiles) release(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if f := a.held[name]; f != nil {
		_ = os.Remove(f.Path())
		_ = f.Close()
		delete(a.held, name)
	}
}

// close releases the remaining files but keeps them: an unlocked file shows that its
// lock was left behind.
func (a *aliveFiles) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, f := range a.held {
		_ = f.Close()
		delete(a.held, name)
	}
}

// processState is what is known of the process that took a lock.
type processState int

const (
	processUnknown processState = iota // of another host, or not RWM's
	processLives
	processEnded
)

// state tells by a lock's file whether the process that took it, on this host, lives.
// The file stays until the lock is removed: a removal that fails must not make the lock
// look alive.
func (a *aliveFiles) state(name string) processState {
	if a.dir == "" {
		return processUnknown
	}
	path := filepath.Join(a.dir, name)
	if _, err := os.Stat(path); err != nil {
		return processUnknown
	}
	f := flock.New(path, flock.SetFlag(os.O_RDONLY)) // makes none
	defer f.Close()                                  //nolint:errcheck // nothing was written
	ok, err := f.TryRLock()                          // several processes may ask at once
	switch {
	case err != nil:
		return processUnknown
	case !ok:
		return processLives
	}
	return processEnded
}

// whenLeft says what becomes of a lock that was left behind.
func (a *aliveFiles) whenLeft() string {
	if a.dir == "" {
		return "nothing shows that it was let go, so it is stale in half an hour, or once this process has ended"
	}
	return "unlock removes it, and so does the next session of this host"
}

// forget removes what is known of a lock that is gone from the storage.
func (a *aliveFiles) forget(name string) {
	if a.dir != "" {
		_ = os.Remove(filepath.Join(a.dir, name))
	}
}
