package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// event is a line of `go test -json`.
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

// suite is one package in one of the runs.
type suite struct {
	run, name               string
	passed, failed, skipped int
	seconds                 float64
	broken                  bool // it did not build, or ended outside a test
}

type report struct {
	suites                  []*suite
	skips                   map[string][]string // by reason
	passed, failed, skipped int
}

func newReport() *report { return &report{skips: map[string][]string{}} }

func (r *report) readFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("a part of the run has left no results: %w", err)
	}
	defer f.Close()
	run := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(name), "test-"), ".json")
	return r.read(run, f)
}

func (r *report) read(run string, from io.Reader) error {
	suites, said := map[string]*suite{}, map[string]string{}
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			continue // what a build has printed
		}
		if e.Package == "" {
			continue
		}
		s := suites[e.Package]
		if s == nil {
			s = &suite{run: run, name: strings.TrimPrefix(e.Package, "github.com/cesnet/rwm/")}
			suites[e.Package] = s
			r.suites = append(r.suites, s)
		}
		test := e.Package + " " + e.Test
		switch {
		case e.Action == "output":
			if text := strings.TrimSpace(e.Output); text != "" && !strings.HasPrefix(text, "---") && !strings.HasPrefix(text, "===") {
				said[test] = text
			}
		case e.Test == "":
			s.end(e)
		default:
			r.count(s, e, said[test])
		}
	}
	for _, s := range suites {
		if s.broken && s.failed == 0 {
			s.failed++
			r.failed++
		}
	}
	return lines.Err()
}

func (s *suite) end(e event) {
	if e.Action == "pass" || e.Action == "fail" || e.Action == "skip" {
		s.seconds, s.broken = e.Elapsed, e.Action == "fail"
	}
}

// count adds the end of a test. said is its last line of output: for one that was
// skipped "file_test.go:12: the reason".
func (r *report) count(s *suite, e event, said string) {
	switch e.Action {
	case "pass":
		s.passed, r.passed = s.passed+1, r.passed+1
	case "fail":
		s.failed, r.failed = s.failed+1, r.failed+1
	case "skip":
		s.skipped, r.skipped = s.skipped+1, r.skipped+1
		reason := said
		if at, text, found := strings.Cut(said, ": "); found && strings.Contains(at, ".go:") {
			reason = text
		}
		where := s.name + " " + e.Test
		if s.run == "rgw" {
			where = "on Ceph: " + where
		}
		r.skips[reason] = append(r.skips[reason], where)
	}
}

func (r *report) print(w io.Writer, markdown bool) {
	row := "%-8s %-34s %7d %7d %7d %8.1f\n"
	if markdown {
		row = "| %s | `%s` | %d | %d | %d | %.1f |\n"
		fmt.Fprint(w, "| run | package | passed | failed | skipped | seconds |\n|---|---|--:|--:|--:|--:|\n")
	} else {
		fmt.Fprintf(w, "\n%-8s %-34s %7s %7s %7s %8s\n", "run", "package", "passed", "failed", "skipped", "seconds")
	}
	for _, s := range r.suites {
		if s.passed+s.failed+s.skipped > 0 {
			fmt.Fprintf(w, row, s.run, s.name, s.passed, s.failed, s.skipped, s.seconds)
		}
	}
	r.printSkips(w)
	fmt.Fprintf(w, "\n%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
}

// printSkips lists every test that was skipped, below its reason.
func (r *report) printSkips(w io.Writer) {
	if r.skipped == 0 {
		fmt.Fprintln(w, "\nNothing was skipped.")
		return
	}
	fmt.Fprintln(w, "\nSkipped, and why:")
	var reasons []string
	for reason := range r.skips {
		reasons = append(reasons, reason)
	}
	slices.Sort(reasons)
	for _, reason := range reasons {
		fmt.Fprintf(w, "  %s\n", reason)
		for _, test := range r.skips[reason] {
			fmt.Fprintf(w, "    %s\n", test)
		}
	}
}
