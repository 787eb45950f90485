package restic

import (
	"context"
	"sync/atomic"
	"time"
)

// lockTaking tells the tracker about a lock that the engine is taking; it comes with
// the context of the engine's requests. It is made when a listing has found no lock at
// all; otherwise there is none.
type lockTaking struct {
	looked time.Time // when that listing was asked for
	// begin starts to read ahead, once the lock is in the storage; drop forgets what
	// was read. Both are nil for an operation that does not read ahead.
	begin, drop func()
	// look looks for locks of others as soon as ours is written, and reports whether
	// there is none. It is nil where the engine's look, 200 ms later, has to decide.
	look func() bool

	shown, told atomic.Bool
	looking     chan struct{} // closed once look has returned; nil without look
	alone       bool          // what it returned
}

type takingKey struct{}

// in returns a context that carries l.
func (l *lockTaking) in(ctx context.Context) context.Context {
	if l == nil {
		return ctx
	}
	return context.WithValue(ctx, takingKey{}, l)
}

func takingOf(ctx context.Context) *lockTaking {
	l, _ := ctx.Value(takingKey{}).(*lockTaking)
	return l
}

// firstLook reports, once, that the listing was made a moment ago, so that the engine
// need not list again before it writes its lock. The look that counts is the one after
// that.
func (l *lockTaking) firstLook() bool { return l != nil && l.shown.CompareAndSwap(false, true) }

// secondLook reports whether look has found that nobody else holds a lock, so that the
// engine need not list again.
func (l *lockTaking) secondLook() bool {
	if l == nil || l.looking == nil || !l.told.Load() {
		return false
	}
	<-l.looking
	return l.alone
}

// othersWait is how long restic waits between writing a lock and the look for locks of
// others that decides whether it holds its own (200 ms), with some slack.
const othersWait = 150 * time.Millisecond

// closed reports whether no other session can hold a conflicting lock from the listing
// on until ours is released. There was none, so another one is written later; its owner
// waits 200 ms, looks, and then finds ours. So what is listed from now on stays as it
// is found, provided that our own look finds no other lock either.
//
// Call it as soon as our lock is written. It compares wall-clock times as well, since
// the monotonic clock may stand still while the machine sleeps.
func (l *lockTaking) closed(now time.Time) bool {
	within := func(d time.Duration) bool { return d >= 0 && d <= othersWait }
	return within(now.Sub(l.looked)) && within(now.Round(0).Sub(l.looked.Round(0)))
}

// lockWritten records that our lock is in the storage. The engine writes a second one
// if it gave up the first because another session held one; what was read under the
// first is then dropped.
func (l *lockTaking) lockWritten() {
	if l == nil {
		return
	}
	first := l.told.CompareAndSwap(false, true)
	switch {
	case l.begin == nil:
	case !first:
		l.drop()
	case l.closed(time.Now()):
		l.begin()
	}
	if first && l.looking != nil {
		go func() {
			defer close(l.looking)
			l.alone = l.look()
		}()
	}
}
