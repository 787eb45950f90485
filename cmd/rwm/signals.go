package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

var (
	// They count as context.Canceled: the HTTP transport returns the cause of a context
	// in its place.
	errInterrupted = fmt.Errorf("interrupted: %w", context.Canceled)
	errBrokenPipe  = fmt.Errorf("the program reading the output went away: %w", context.Canceled)
)

// interruptible returns a context that ends with the first SIGINT, SIGTERM or SIGHUP,
// so that running work unlocks and cleans up; the second one ends the process there and
// then. SIGPIPE is caught, not ignored (children would inherit that), so that `rwm
// restic ls latest | head` gets a write error and unlocks instead of dying.
//
// told is called with the signal. The context ends when told returns, or after half of
// unreadGrace if told blocks because its output is not read.
func interruptible(told func(os.Signal)) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	pipe := make(chan os.Signal, 1)
	notifySIGPIPE(pipe)
	sig := make(chan os.Signal, 2)
	signal.Notify(sig, os.Interrupt, syscall.SIGTERM)
	if !hangupIgnored() {
		// a lost terminal must not leave a lock behind; under nohup the run goes on
		signal.Notify(sig, syscall.SIGHUP)
	}
	go func() {
		s := <-sig
		said := make(chan struct{})
		go func() { defer close(said); told(s) }()
		select {
		case <-said:
		case <-time.After(unreadGrace / 2):
		}
		cancel(errInterrupted)
		<-sig
		os.Exit(exitInterrupted)
	}()
	return ctx, cancel
}
