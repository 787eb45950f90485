package s3dev

import (
	"sync"
	"time"
)

// Clock is the time the server stamps on what it stores (LastModified,
// CreationDate), and by which retention, lifecycle and time conditions of
// policies are judged. Request signatures are checked against the real time,
// so moving the clock never locks a client out.
//
// Moving it forward runs the lifecycle rules for the days passed over; the
// call returns when that is done.
//
// The zero value is the real time.
type Clock struct {
	mu     sync.Mutex
	offset time.Duration
	frozen time.Time
	moved  func() // called without the lock
}

// onMove has fn called whenever the clock was moved.
func (c *Clock) onMove(fn func()) { c.moved = fn }

func (c *Clock) change(fn func()) {
	c.mu.Lock()
	fn()
	c.mu.Unlock()
	if c.moved != nil {
		c.moved()
	}
}

// Now returns the server's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.frozen.IsZero() {
		return c.frozen
	}
	return time.Now().Add(c.offset)
}

// Set makes it at now; the clock ticks on from there.
func (c *Clock) Set(at time.Time) {
	c.change(func() { c.frozen, c.offset = time.Time{}, time.Until(at) })
}

// Freeze stops the clock at at until the next Set.
func (c *Clock) Freeze(at time.Time) { c.change(func() { c.frozen = at }) }

// Advance moves the clock by d, frozen or not; d may be negative.
func (c *Clock) Advance(d time.Duration) {
	c.change(func() {
		if !c.frozen.IsZero() {
			c.frozen = c.frozen.Add(d)
		} else {
			c.offset += d
		}
	})
}
