//go:build race

package harness

// Raced reports whether the race detector watches, which makes everything many times
// slower.
const Raced = true
