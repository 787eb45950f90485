// Package events delivers the typed events of an operation to its caller.
package events

import "sync"

// Emitter passes events to a function, one at a time, until it is stopped. A nil
// Emitter and one without a function drop all events. An Emitter is safe for concurrent
// use.
type Emitter[E any] struct {
	mu sync.Mutex
	fn func(E)
}

// New returns an emitter for fn, which may be nil.
func New[E any](fn func(E)) *Emitter[E] { return &Emitter[E]{fn: fn} }

// Emit waits for the function to return. The function must not call Emit or Stop.
func (e *Emitter[E]) Emit(ev E) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fn != nil {
		e.fn(ev)
	}
}

// Wanted reports whether anything receives the events.
func (e *Emitter[E]) Wanted() bool {
	if e == nil {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.fn != nil
}

// Stop returns when no event is being delivered and none will be.
func (e *Emitter[E]) Stop() {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fn = nil
}
