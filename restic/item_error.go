package restic

import (
	"fmt"
	"strings"
)

// ItemError is the failure of one snapshot, file or object in a call that continued
// with the others.
type ItemError struct {
	// Item is the ID of an object or the path of a file.
	Item string
	Err  error
}

func (e ItemError) Error() string { return fmt.Sprintf("%s: %v", e.Item, e.Err) }

// Unwrap returns Err.
func (e ItemError) Unwrap() error { return e.Err }

// maxItemsNamed bounds how many items an error text names; all of them are in the
// error's Items.
const maxItemsNamed = 3

func joinItems(items []ItemError) string {
	var parts []string
	for _, it := range items[:min(len(items), maxItemsNamed)] {
		parts = append(parts, it.Error())
	}
	if more := len(items) - maxItemsNamed; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, "; ")
}

func itemErrors(items []ItemError) []error {
	errs := make([]error, len(items))
	for i, it := range items {
		errs[i] = it
	}
	return errs
}
