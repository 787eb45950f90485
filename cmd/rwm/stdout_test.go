package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
)

// With --json what goes to standard error is JSON, or a line without control
// characters.
func TestStandardErrorWithJSON(t *testing.T) {
	a, _, errOut := testApp(false)
	a.cli.JSON = true
	a.plain = &plainLines{w: a.stderr}
	a.warn("two\nlines\tof \x1b[2J \u009b")
	a.warning("a\x1bb")
	stdout, _ := a.hookOutput()
	for _, part := range []string{"from a ho", "ok\x1b[1m\tbold\r\n", "rest"} {
		if _, err := stdout.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	a.plain.end()
	lines := strings.Split(strings.TrimSuffix(errOut.String(), "\n"), "\n")
	if len(lines) != 4 || lines[2] != `from a hook\x1b[1m\tbold\r` || lines[3] != "rest" {
		t.Fatalf("%q", lines)
	}
	for _, line := range lines {
		if strings.ContainsFunc(line, unicode.IsControl) {
			t.Errorf("%q", line)
		}
	}
	for i, want := range []string{"two\nlines\tof \x1b[2J \u009b", "a\x1bb"} {
		var v map[string]string
		if err := json.Unmarshal([]byte(lines[i]), &v); err != nil || v["message"] != want {
			t.Errorf("%q: %v %q", lines[i], err, v)
		}
	}
}
