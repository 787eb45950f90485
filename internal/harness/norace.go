//go:build !race

package harness

// Raced tells whether the race detector watches, which makes everything many times
// slower.
const Raced = false
