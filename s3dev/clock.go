package s3dev

import (
	"sync"
	"time"
)

// Clock is the time the server stamps on what it stores (LastModified,
// CreationDate, the end of a default retention). Request signatures are
// checked against the real time, so moving the clock never locks a client out.
//
// The zero value is the real time.
type Clock struct {
	mu     sync.Mutex
	offset time.Duration
	frozen time.Time
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
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen = time.Time{}
	c.offset = time.Until(at)
}

// Freeze stops the clock at at until the next Set.
func (c *Clock) Freeze(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen = at
}

// Advance moves the clock by d, frozen or not; d may be negative.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.frozen.IsZero() {
		c.frozen = c.frozen.Add(d)
		return
	}
	c.offset += d
}
