package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
)

// output is standard output. It remembers that a write failed, so that no command
// ends with 0 though part of what it printed is lost: most of them do not look.
type output struct {
	file io.Writer
	stop context.CancelCauseFunc

	mu  sync.Mutex
	err error // the first failure
	// goOn lets the work continue when nobody reads its output any more. A backup
	// is worth more than what it prints.
	goOn bool
}

// finishUnread makes the command go on to its end when its output goes nowhere.
func (o *output) finishUnread() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.goOn = true
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.goOn && o.err != nil {
		return len(p), nil
	}
	n, err := o.file.Write(p)
	if err == nil {
		return n, nil
	}
	if errors.Is(err, syscall.EPIPE) {
		err = errBrokenPipe
		if !o.goOn {
			o.stop(err)
		}
	}
	if o.err == nil {
		o.err = err
	}
	if o.goOn {
		return len(p), nil
	}
	return n, err
}

// failure is the first failure, or nil.
func (o *output) failure() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// result makes a failed write the end of a command that otherwise succeeded, and adds
// it to the error of one that did not: what was printed may say what the code means.
func (o *output) result(code int, err error) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		return code, err
	}
	lost := fmt.Errorf("standard output: %w; what was printed is not complete", o.err)
	switch {
	case code != exitOK && !errors.Is(err, o.err):
		if code == exitInterrupted || errors.Is(o.err, errUnread) || errors.Is(o.err, errBrokenPipe) {
			return code, err
		}
		if err != nil && failureText(err) != "" {
			lost = errors.Join(err, lost)
		}
		return code, lost
	case errors.Is(o.err, errUnread):
		return exitInterrupted, errors.Join(err, errInterrupted)
	case errors.Is(o.err, errBrokenPipe):
		return exitBrokenPipe, nil
	}
	return exitFailure, lost
}

// plainLines passes on whole lines without control characters, for where others
// read line by line.
type plainLines struct {
	w    io.Writer
	mu   sync.Mutex
	line []byte
}

// maxLine bounds a line that does not end.
const maxLine = 1 << 16

func (l *plainLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range p {
		if c == '\n' || len(l.line) >= maxLine {
			l.flush()
		}
		if c != '\n' {
			l.line = append(l.line, c)
		}
	}
	return len(p), nil
}

// end writes what has no newline at its end.
func (l *plainLines) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.line) > 0 {
		l.flush()
	}
}

func (l *plainLines) flush() {
	_, _ = io.WriteString(l.w, plainLine(string(l.line))+"\n")
	l.line = l.line[:0]
}
