// Package events delivers the typed events of an operation to its caller, and what a
// function of the caller panics with. It also tells the end of the operation's context
// from that of another one, with which such a function failed.
package events

import "sync"

// Emitter passes events to a function, one at a time, until it is stopped. A nil
// Emitter and one without a function drop all events. An Emitter is safe for concurrent
// use.
type Emitter[E any] struct {
	mu       sync.Mutex
	fn       func(E)
	panicked *Panic // until the caller has it; fn gets nothing meanwhile
}

// New returns an emitter for fn, which may be nil.
func New[E any](fn func(E)) *Emitter[E] { return &Emitter[E]{fn: fn} }

// Emit waits for the function to return. The function must not call Emit or Stop. Its
// panic is kept for Rethrow and Stop.
func (e *Emitter[E]) Emit(ev E) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fn != nil && e.panicked == nil {
		e.panicked = Catch(func() { e.fn(ev) })
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

// Keep keeps a panic of another function of the caller's for Rethrow and Stop.
func (e *Emitter[E]) Keep(p *Panic) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.panicked = p
}

// Stop returns when no event is being delivered and none will be. It panics as Rethrow
// does.
func (e *Emitter[E]) Stop() {
	if e == nil {
		return
	}
	e.mu.Lock()
	e.fn = nil
	e.mu.Unlock()
	e.Rethrow()
}

// Rethrow panics if the function has, so that the panic reaches the caller. It is
// called in the caller's goroutine, after an operation has given everything back.
func (e *Emitter[E]) Rethrow() {
	if e == nil {
		return
	}
	e.mu.Lock()
	p := e.panicked
	e.panicked = nil
	e.mu.Unlock()
	if p != nil {
		panic(again{p})
	}
}
