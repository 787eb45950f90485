// Command testreport ends a run of the tests: it reads what gotestsum has written,
// shows what each package did and what was skipped and why, and closes with the sums:
//
//	testreport [-markdown] FILE…
//
// It fails if a test failed or if none has run.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	markdown := flag.Bool("markdown", false, "print the table for docs/testing.md")
	flag.Parse()
	r := newReport()
	for _, name := range flag.Args() {
		if err := r.readFile(name); err != nil {
			fmt.Fprintln(os.Stderr, "testreport:", err)
			os.Exit(2)
		}
	}
	r.print(os.Stdout, *markdown)
	if r.failed > 0 || r.passed == 0 {
		os.Exit(1)
	}
}
