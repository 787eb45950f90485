package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

func testApp(terminal bool) (*app, *bytes.Buffer, *bytes.Buffer) {
	var out, errOut bytes.Buffer
	b := &bar{out: &errOut, terminal: terminal, interval: time.Nanosecond}
	return &app{
		stdout: &stream{Writer: &out, terminal: terminal, bar: b},
		stderr: &stream{Writer: &errOut, terminal: terminal, bar: b},
		bar:    b,
	}, &out, &errOut
}

func TestTableOnTerminalAndInPipe(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	g := &grid{header: []string{"NAME", "RESULT", "CODE"}, right: []int{2}}
	g.add("home", "OK", 0)
	g.add("a longer name", "ERROR", 130)

	a, out, _ := testApp(false)
	a.show(g)
	want := "NAME           RESULT  CODE\nhome           OK         0\na longer name  ERROR    130\n"
	if out.String() != want {
		t.Errorf("in a pipe:\n%q\nwant\n%q", out, want)
	}

	a, out, _ = testApp(true)
	a.show(g)
	if s := out.String(); !strings.Contains(s, "─────") || !strings.Contains(s, "\x1b[32mOK") || !strings.Contains(s, "\x1b[31mERROR") {
		t.Errorf("on a terminal: %q", s)
	}
	t.Setenv("NO_COLOR", "1")
	a, out, _ = testApp(true)
	a.show(g)
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("colour although NO_COLOR is set: %q", out)
	}
}

// A line of output must not stick to the bar, and no bar may stay behind.
func TestBarIsTakenAwayForOutput(t *testing.T) {
	a, _, screen := testApp(true)
	a.bar.set("home", 10, 100, true, "")
	if !strings.Contains(screen.String(), "home") || !strings.Contains(screen.String(), "10%") {
		t.Fatalf("no bar: %q", screen)
	}
	a.warn("a warning")
	text := screen.String()
	before, _, _ := strings.Cut(text, "a warning")
	if last := before[strings.LastIndex(before, "\r")+1:]; strings.TrimSpace(last) != "" {
		t.Errorf("the warning follows %q on its line", last)
	}
	a.bar.set("home", 100, 100, true, "")
	a.bar.end()
	end := screen.String()
	if last := end[strings.LastIndex(end, "\r")+1:]; strings.TrimSpace(last) != "" {
		t.Errorf("the bar stays behind: %q", last)
	}
}

func TestNoBarInPipe(t *testing.T) {
	a, _, errOut := testApp(false)
	a.bar.interval = progressInterval(false, false)
	a.bar.set("home", 10, 100, true, "10 of 100")
	if errOut.Len() > 0 {
		t.Errorf("progress without a terminal: %q", errOut)
	}
	// SIGUSR1 asks for one line.
	a.bar.asked = make(chan os.Signal, 1)
	a.bar.asked <- os.Interrupt
	a.bar.set("home", 20, 100, true, "20 of 100")
	a.bar.set("home", 30, 100, true, "30 of 100")
	if errOut.String() != "20 of 100\n" {
		t.Errorf("progress when asked for: %q", errOut)
	}
}
