//go:build race

package harness

// Raced reports whether the race detector watches, which makes everything many times
// slower. Except for a release, it does not watch the libraries that the Makefile names
// in UNWATCHED.
const Raced = true
