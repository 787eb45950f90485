package restic

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Event is something that happens during an operation: one of BackupStatus, BackupItem, BackupError and their siblings of the
// other operations. A type switch tells them apart; unknown ones are to be ignored, since later versions may add some.
//
// OnEvent functions are called one at a time and never after the operation has returned. The operation waits for them, so they
// should be quick.
type Event interface{ event() }

// emitter passes events on one at a time until it is stopped.
type emitter struct {
	mu sync.Mutex
	fn func(Event)
}

func newEmitter(fn func(Event)) *emitter { return &emitter{fn: fn} }

func (e *emitter) emit(ev Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fn != nil {
		e.fn(ev)
	}
}

// wanted reports whether anybody listens.
func (e *emitter) wanted() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.fn != nil
}

// stop returns when no event is being delivered and none will be.
func (e *emitter) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fn = nil
}

// Retrying says that a request failed and will be made again.
type Retrying struct {
	Operation string        // what was tried, for instance "Save(<data/1a2b3c4d5e>)"
	Err       error         // how it failed
	After     time.Duration // the pause before the next attempt
}

func (Retrying) event() {}

// broadcast passes events of the connection to every operation under way.
type broadcast struct {
	mu  sync.Mutex
	ems map[*emitter]struct{}
}

func (b *broadcast) add(em *emitter) (remove func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ems == nil {
		b.ems = map[*emitter]struct{}{}
	}
	b.ems[em] = struct{}{}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.ems, em)
	}
}

func (b *broadcast) emit(ev Event) {
	b.mu.Lock()
	ems := slices.Collect(maps.Keys(b.ems))
	b.mu.Unlock()
	for _, em := range ems {
		em.emit(ev)
	}
}
