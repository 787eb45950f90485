// Package attack is the suite of attacks on a policed bucket: after each one
// the history has to name the last good moment, and everything must come back.
// It holds tests only.
package attack
