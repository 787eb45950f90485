package restic

import (
	"os"
	"path/filepath"
	"sync"

	"github.com/gofrs/flock"
)

// aliveFiles say on this host whether the process that took a lock still runs: for every lock there is a file that the process holds
// with flock, and the kernel lets go of it however the process ends. Process numbers cannot tell that: two containers with one hostname
// (or two machines cloned from one) both run as process 1, and who took the other for dead would prune what is being backed up.
type aliveFiles struct {
	dir string // "" if there is no place for them

	mu   sync.Mutex
	held map[string]*flock.Flock
}

func newAliveFiles() *aliveFiles {
	a := &aliveFiles{held: map[string]*flock.Flock{}}
	base, err := os.UserCacheDir()
	if err != nil {
		base = "/var/cache" // a service of the system has no home, but is root
	}
	dir := filepath.Join(base, "rwm", "locks")
	if os.MkdirAll(dir, 0o700) == nil {
		a.dir = dir
	}
	return a
}

// hold says that the lock of that name is ours. Without a place for files it does nothing: then only age makes a lock stale.
func (a *aliveFiles) hold(name string) {
	if a.dir == "" {
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

// release forgets a lock that was given back. The file goes first, so that nobody finds it free.
func (a *aliveFiles) release(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if f := a.held[name]; f != nil {
		_ = os.Remove(f.Path())
		_ = f.Close()
		delete(a.held, name)
	}
}

// close lets go of what is still held. The files stay: who finds them free knows that the locks were left behind.
func (a *aliveFiles) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, f := range a.held {
		_ = f.Close()
		delete(a.held, name)
	}
}

// dead reports whether a process of this host took the lock and has ended.
func (a *aliveFiles) dead(name string) bool {
	if a.dir == "" {
		return false
	}
	path := filepath.Join(a.dir, name)
	if _, err := os.Stat(path); err != nil {
		return false
	}
	f := flock.New(path)
	ok, err := f.TryLock()
	if err != nil || !ok {
		return false
	}
	_ = os.Remove(path)
	_ = f.Close()
	return true
}
