package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// story prints what happens, as it happens.
type story struct {
	out  io.Writer
	rwm  string
	step int
}

// tell starts a paragraph of its own.
func (s *story) tell(title string) {
	s.step++
	fmt.Fprintf(s.out, "\n%d. %s\n", s.step, title)
}

func (s *story) say(format string, args ...any) {
	fmt.Fprintf(s.out, "   "+format+"\n", args...)
}

// rwmAs runs one rwm command with the configuration of a role, shows its output and
// how long it took, and returns the output.
func (s *story) rwmAs(ctx context.Context, conf string, args ...string) ([]byte, error) {
	return s.run(ctx, true, conf, args...)
}

// ask is rwmAs for output that is for this program, not for the reader.
func (s *story) ask(ctx context.Context, conf string, args ...string) ([]byte, error) {
	return s.run(ctx, false, conf, args...)
}

func (s *story) run(ctx context.Context, show bool, conf string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, s.rwm, append([]string{"--config", conf}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	var out bytes.Buffer
	var all transcript
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&out, &all), &all
	if show {
		s.say("$ rwm --config %s %s", base(conf), strings.Join(args, " "))
	}
	start := time.Now()
	err := cmd.Run()
	if show || err != nil {
		for line := range lines(all.buf.Bytes()) {
			s.say("    %s", line)
		}
	}
	if show {
		s.say("  (%s)", time.Since(start).Round(time.Millisecond))
	}
	if err != nil {
		err = fmt.Errorf("rwm %s: %w", strings.Join(args, " "), err)
	}
	return out.Bytes(), err
}

// transcript takes what the command prints on both of its outputs, in order.
type transcript struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.Write(p)
}

func lines(b []byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		sc := bufio.NewScanner(bytes.NewReader(b))
		sc.Buffer(nil, 1<<20)
		for sc.Scan() && yield(sc.Text()) {
		}
	}
}

func base(path string) string { return path[strings.LastIndexAny(path, `/\`)+1:] }
