package restic

import (
	"errors"
	"fmt"
)

// leaveOut lets an operation on many snapshots go on without those that cannot be read, which it returns. Those named and not found are
// an error, and so is anything else; nothing says what was therefore not done: "copied", "changed".
func leaveOut(err error, nothing string) ([]ItemError, error) {
	var partial *SnapshotsError
	if !errors.As(err, &partial) {
		return nil, err
	}
	for _, it := range partial.Items {
		if errors.Is(it, ErrNoSnapshot) {
			return nil, fmt.Errorf("nothing was %s: %w", nothing, err)
		}
	}
	return partial.Items, nil
}
