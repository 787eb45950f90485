package restic

import (
	"context"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	engcache "github.com/restic/restic/rwmlink/cache"
	engrepository "github.com/restic/restic/rwmlink/repository"
)

// Session is an open repository. It is safe for concurrent use: readers run
// concurrently, with one writer at a time; an operation that needs an exclusive lock
// (forget, prune) runs alone.
//
// A session takes one lock, when it is first needed, loads the index once and keeps
// both until Close, so that many operations cost little more than one. An operation
// that needs an exclusive lock first releases the shared one and then takes its own;
// the next operation takes a shared lock again.
type Session struct {
	loc   Location
	opts  options
	stack *tracker
	cache *engcache.Cache
	known *known
	id    string

	users  *semaphore.Weighted // readers and the writer take 1, an exclusive operation takes all
	writer *semaphore.Weighted // 1: restic allows one writer per repository object

	// guards what follows; a semaphore, so that waiting ends with the context
	state  *semaphore.Weighted
	repo   *engrepository.Repository
	engine engrepository.Options // how repo packs blobs
	index  bool                  // repo has the index loaded
	stored *storedBlobs          // if not nil, that index is of trees, and here is the rest
	lock   *heldLock
	writes *engrepository.Repository // object a writer is using
	shut   bool

	openedWith KeyInfo            // its ID only, if the session made the repository
	keyID      atomic.Pointer[ID] // changes with the password
	version    atomic.Uint64      // changes with a migration
	view       snapshotView       // what is known of the snapshots
	// object whose index is not to be used any more
	spoiled atomic.Pointer[engrepository.Repository]

	readers  atomic.Int64 // that are open
	closing  context.Context
	close    context.CancelFunc // ends closing
	aborting context.Context    // running operations end with it
	abort    context.CancelCauseFunc
	// the last operation was cancelled, so the caller waits for the end
	cancelled atomic.Bool
}

const allUsers = 1 << 40

// Location returns where the repository lives.
func (s *Session) Location() Location {
	if s == nil {
		return nil
	}
	return s.loc
}

// ID returns the repository's own random ID, 64 hexadecimal digits, which identifies it
// wherever it is stored.
func (s *Session) ID() string {
	if s == nil {
		return ""
	}
	return s.id
}

// Version returns the version of the repository's format, 1 or 2.
func (s *Session) Version() uint {
	if s == nil {
		return 0
	}
	return uint(s.version.Load())
}

// KeyID returns the ID of the key that the password opened.
func (s *Session) KeyID() ID {
	if s.never() {
		return ID{}
	}
	return *s.keyID.Load()
}

func (s *Session) logCache(format string, args ...interface{}) {
	s.opts.logger.Warn("cache", "location", s.loc.String(), "problem", oneLine(fmt.Errorf(format, args...)))
}
