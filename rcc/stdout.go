package rcc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/rclone/rclone/lib/atexit"
	"golang.org/x/term"
)

// ExitOutput is the exit code when something could not be written to standard output,
// for instance on a full disk.
const ExitOutput = 1

// ExitBrokenPipe is the exit code when the program that read standard output went away.
const ExitBrokenPipe = 141

// watchedOutput passes on what rclone prints, and remembers whether all of it arrived.
// Most of rclone's commands do not look: a list written to a full disk would end with
// 0. rclone prints to the variable os.Stdout, so that one is a pipe to here meanwhile.
type watchedOutput struct {
	real, write *os.File
	copied      chan error // what became of the copy, once
	interrupted context.Context
	interrupt   context.CancelFunc // makes finish return: all exit functions have to run
}

// watchOutput is nil if standard output is a terminal: there, nothing gets lost, and
// rclone shows its progress.
func watchOutput() (*watchedOutput, error) {
	if term.IsTerminal(int(os.Stdout.Fd())) {
		return nil, nil
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("watch standard output: %w", err)
	}
	o := &watchedOutput{real: os.Stdout, write: write, copied: make(chan error, 1)}
	o.interrupted, o.interrupt = context.WithCancel(context.Background())
	go func() {
		_, err := io.Copy(o.real, read)
		// Then rclone's writes fail, too, and a command that only prints ends.
		o.copied <- errors.Join(err, read.Close())
	}()
	os.Stdout = write
	// rclone ends the process after its exit functions.
	atexit.Register(o.finish)
	return o, nil
}

// finish waits until everything is written, and ends the process if it cannot be.
func (o *watchedOutput) finish() {
	if o == nil {
		return
	}
	os.Stdout = o.real
	if o.write.Close() != nil {
		return // the second call
	}
	err := o.wait()
	switch {
	case err == nil || o.interrupted.Err() != nil: // the exit code is another's
	case errors.Is(err, syscall.EPIPE):
		os.Exit(ExitBrokenPipe)
	default:
		fmt.Fprintf(os.Stderr, "rwm rcc: standard output: %v; what was printed is not complete\n", err)
		os.Exit(ExitOutput)
	}
}

// unreadGrace is how long writing may go on once the run is interrupted: the reader of
// a pipe may sleep.
const unreadGrace = 2 * time.Second

func (o *watchedOutput) wait() error {
	select {
	case err := <-o.copied:
		return err
	case <-o.interrupted.Done():
	}
	late := time.NewTimer(unreadGrace)
	defer late.Stop()
	select {
	case err := <-o.copied:
		return err
	case <-late.C:
		return nil
	}
}
