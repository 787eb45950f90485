// Package endtoend holds the tests that need the whole house: repositories
// shared with real restic commands, faults in the middle of a run, processes
// killed at random points.
package endtoend
