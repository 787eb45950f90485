package restic

import (
	"errors"
	"fmt"
)

// leaveOut lets an operation on many snapshots continue without those that cannot be
// read, which it returns. Any other error, such as a named snapshot that does not
// exist, is returned with a text that says what was not done, such as "nothing was
// copied".
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
