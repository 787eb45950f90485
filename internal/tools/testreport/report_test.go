package main

import (
	"strings"
	"testing"
)

const lines = `{"Action":"start","Package":"github.com/cesnet/rwm/rwm"}
{"Action":"run","Package":"github.com/cesnet/rwm/rwm","Test":"TestA"}
{"Action":"output","Package":"github.com/cesnet/rwm/rwm","Test":"TestA","Output":"    a_test.go:3: not in this place: no FUSE\n"}
{"Action":"output","Package":"github.com/cesnet/rwm/rwm","Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}
{"Action":"skip","Package":"github.com/cesnet/rwm/rwm","Test":"TestA"}
{"Action":"pass","Package":"github.com/cesnet/rwm/rwm","Test":"TestB"}
{"Action":"pass","Package":"github.com/cesnet/rwm/rwm","Elapsed":1.5}
# github.com/cesnet/rwm/broken
{"Action":"fail","Package":"github.com/cesnet/rwm/broken","Elapsed":0}
`

func TestReport(t *testing.T) {
	r := newReport()
	if err := r.read("race", strings.NewReader(lines)); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	r.print(&out, false)
	for _, want := range []string{
		"  not in this place: no FUSE\n    rwm TestA\n", "1 passed, 1 failed, 1 skipped\n", "broken",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if !strings.HasSuffix(out.String(), "1 passed, 1 failed, 1 skipped\n") {
		t.Error("the sums are not the last line")
	}
}
