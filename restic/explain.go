package restic

import (
	"errors"
	"fmt"
	"strings"
)

// explain makes sure that an error names the location and wraps its sentinel.
func explain(loc Location, err error) error {
	if err == nil {
		return nil
	}
	if strings.Contains(err.Error(), loc.String()) {
		return err
	}
	if errors.Is(err, ErrLocked) {
		return err
	}
	return fmt.Errorf("%s: %w", loc, err)
}
