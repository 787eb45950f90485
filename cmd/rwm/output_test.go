package main

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/cesnet/rwm/restic"
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
	text.EnableColors() // which the package switches off if the tests run with TERM=dumb
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

// Nor can a name in a table turn text around or hide, or begin a row.
func TestTableShowsWhatCannotBeSeen(t *testing.T) {
	a, out, _ := testApp(true)
	a.showSnapshots([]restic.Snapshot{{Hostname: "h\u202e1\u200b", Tags: []string{"a\u2066b"}, Paths: []string{"/\nx\x9b"}}}, nil, false)
	for _, r := range "\u202e\u200b\u2066\x9b" {
		if strings.ContainsRune(out.String(), r) {
			t.Errorf("%q in %q", r, out)
		}
	}
	if !strings.Contains(out.String(), `h\u202e1\u200b`) || strings.Contains(out.String(), "/\n") {
		t.Errorf("%s", out)
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

// Whatever an attacker names a file, a host or a key, the terminal of the reader is
// left alone, also when the output went through a file or a pager first.
func TestOutputCannotControlTheTerminal(t *testing.T) {
	evil := []string{
		"\x1b]0;title\x07", "\x1b[2J\x1b[32mall OK\x1b[0m", "\rrewritten", "back\b\b\bspace",
		"\u009b31m", "\x9b31m", "\x7f", "\x00", "\x0e\x0f", "\u0085", "\x1bP+q\x1b\\",
	}
	control := func(text string) bool {
		for i, r := range text {
			if r != '\n' && r != '\t' && (unicode.IsControl(r) || text[i] >= 0x80 && text[i] < 0xa0) {
				return true
			}
		}
		return false
	}
	t.Setenv("NO_COLOR", "1")
	for _, name := range evil {
		for _, terminal := range []bool{false, true} {
			a, out, errOut := testApp(terminal)
			a.println("found", name)
			a.printf("%s\n", name)
			a.say("%s", name)
			a.field(name, name)
			a.warn("error: %s", name)
			a.printFailure(errors.New(name), 1)
			g := &grid{header: []string{"NAME"}}
			g.add(name)
			a.show(g)
			if err := a.emit(map[string]string{"name": name}); err != nil {
				t.Error(err)
			}
			if control(out.String()) || control(errOut.String()) {
				t.Errorf("%q on a terminal %v: %q, %q", name, terminal, out, errOut)
			}
		}
	}

	// A name is one line, and stays readable.
	if got := oneLine("a\nOK: fake\tžluť\x1b"); got != `a\nOK: fake\tžluť\x1b` {
		t.Errorf("oneLine: %q", got)
	}
	// What cannot be seen but does no harm is for scripts to have.
	a, out, _ := testApp(false)
	a.println("latin-\xe9 and \u200b")
	if out.String() != "latin-\xe9 and \u200b\n" {
		t.Errorf("in a pipe: %q", out)
	}
	a, out, _ = testApp(true)
	a.println("latin-\xe9 and \u202e")
	if out.String() != `latin-\xe9 and \u202e`+"\n" {
		t.Errorf("on a terminal: %q", out)
	}
}
