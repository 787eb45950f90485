package restic

import (
	"sync"
	"time"

	"github.com/cesnet/rwm/internal/events"
)

// Waiting says that opening or locking takes long: after three seconds at the latest,
// and again when the cause changes.
type Waiting struct {
	// What waits: "opening the repository" or "locking the repository".
	What string
	// Err is why: the failure of the last request, or who holds the lock. It is nil
	// when the storage has not answered yet.
	Err error
}

func (Waiting) event() {}

// silence is how long opening and locking may take without a word.
const silence = 3 * time.Second

// WithEvents sets the function that receives events outside of operations with an
// OnEvent of their own, while the repository is opened and locked: Waiting, Retrying
// and Warning events (for instance if a session works without a cache). The default is
// none. Calls may come from several goroutines, one at a time.
func WithEvents(fn func(Event)) Option { return func(o *options) { o.events = events.New(fn) } }

// patience reports a Waiting event unless done is called within three seconds.
type patience struct {
	em   *emitter
	what string

	mu    sync.Mutex
	timer *time.Timer
	err   error
	told  string // the last cause reported
	late  bool
	over  bool
}

// wait begins to watch something that should not take long. It may be nil.
func (o *options) wait(what string) *patience {
	if o.events == nil {
		return nil
	}
	p := &patience{em: o.events, what: what}
	p.timer = time.AfterFunc(silence, func() { p.update(nil, true) })
	return p
}

// because notes the latest reason for waiting.
func (p *patience) because(err error) {
	if p != nil {
		p.update(err, false)
	}
}

func (p *patience) update(err error, late bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.err = err
	}
	p.late = p.late || late
	cause := "-"
	if p.err != nil {
		cause = p.err.Error()
	}
	if p.over || !p.late || cause == p.told {
		return
	}
	p.told = cause
	p.em.Emit(Waiting{What: p.what, Err: p.err})
}

// done ends the waiting: nothing is reported after it has returned.
func (p *patience) done() {
	if p == nil {
		return
	}
	p.timer.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
}
