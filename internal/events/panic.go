package events

import (
	"fmt"
	"runtime/debug"
)

// Panic is a panic of a function of the caller's, caught in a goroutine that the caller
// cannot recover in, where it would end the whole program.
type Panic struct {
	Value any
	Stack []byte
}

// Catch calls fn and returns its panic, or nil.
func Catch(fn func()) (p *Panic) {
	defer func() {
		if v := recover(); v != nil {
			p = &Panic{Value: v, Stack: debug.Stack()}
		}
	}()
	fn()
	return nil
}

// Caught is deferred, and makes a panic of the rest of the function its error.
func Caught(err *error) {
	if v := recover(); v != nil {
		*err = &Panic{Value: v, Stack: debug.Stack()}
	}
}

// Try calls fn and makes its panic an error.
func Try(fn func() error) (err error) {
	defer Caught(&err)
	return fn()
}

// Guarded makes the panics of fn its errors. It returns nil for nil.
func Guarded[T any](fn func(T) error) func(T) error {
	if fn == nil {
		return nil
	}
	return func(v T) (err error) {
		defer Caught(&err)
		return fn(v)
	}
}

// again is the value to panic with in the caller's own goroutine.
type again struct{ *Panic }

// Error is what the runtime prints when nothing recovers.
func (a again) Error() string { return fmt.Sprintf("%v\n\n%s", a.Value, a.Stack) }

func (p *Panic) Error() string { return fmt.Sprintf("it panicked: %v", p.Value) }

// Unwrap returns the error that the function panicked with, if it was one.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}
