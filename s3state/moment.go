package s3state

import (
	"fmt"
	"time"
)

// Moment names a past moment of a bucket: a saved state, or a time by the server's
// clock. Exactly one of StateKey and At is set.
type Moment struct {
	StateKey     string
	StateVersion string // empty for the key's current version
	At           time.Time
}

func (m Moment) check() error {
	switch {
	case m.StateKey == "" && m.At.IsZero():
		return fmt.Errorf("%w: no state key and no time given", ErrInvalid)
	case m.StateKey != "" && !m.At.IsZero():
		return fmt.Errorf("%w: a state and a time given; choose one", ErrInvalid)
	}
	return nil
}
