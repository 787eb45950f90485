package restic

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/cesnet/rwm/internal/events"
)

// Event is something that happens during an operation: one of BackupStatus, BackupItem,
// BackupError and their siblings of the other operations. A type switch distinguishes
// them; ignore unknown types, since later versions may add some.
//
// OnEvent functions are called one at a time and never after the operation has
// returned. The operation waits for them, so they should be quick.
type Event interface{ event() }

// emitter delivers the events of one operation.
type emitter = events.Emitter[Event]

// Retrying reports a failed request that will be retried.
type Retrying struct {
	Operation string        // what was tried, for instance "Save(<data/1a2b3c4d5e>)"
	Err       error         // how it failed
	After     time.Duration // the pause before the next attempt
}

func (Retrying) event() {}

// broadcast passes events of the connection to every operation in progress.
type broadcast struct {
	mu  sync.Mutex
	ems map[*emitter]struct{}
	// otherwise receives the events that no operation receives; it may be nil.
	otherwise *emitter
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
		em.Emit(ev)
	}
	if len(ems) == 0 && b.otherwise != nil {
		b.otherwise.Emit(ev)
	}
}
