package main

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

// No key makes a line of its own in what is printed, for instance of a command that
// nobody suggested, or of an OK that nobody gave.
func TestNamesMakeNoLines(t *testing.T) {
	key := "rwm/state_\n\n500 objects (4.0 GiB), 500 of them read: OK\n  rwm storage-delete backups #.json.gz"
	st := s3state.SavedState{Key: key, VersionID: "v", Time: time.Now()}
	line := func(text string) bool {
		for _, l := range strings.Split(text, "\n") {
			if strings.HasPrefix(l, "500 objects") || strings.HasPrefix(strings.TrimSpace(l), "rwm storage-delete") {
				return true
			}
		}
		return false
	}
	a, out, errOut := testApp(false)
	h := &s3state.History{Bucket: "backups", Steps: []s3state.Step{{From: st.Time, To: st.Time}}, States: []s3state.SavedState{st}, LastGood: st.Time, LastGoodState: &st, Proof: s3state.Proof{Verdict: s3state.Proved}}
	a.showHistory(h)
	check := &rwm.StorageCheck{}
	check.State, check.AtPrefixes = &st, []string{key}
	a.showStorageCheck(check, false)
	a.printFailure(&s3state.MissingVersionsError{Missing: []s3state.MissingVersion{{Key: key, VersionID: key, Reason: "no such version"}}}, 1)
	a.printFailure(&s3state.StateDiffersError{StateKey: key, Verification: &s3state.Verification{Differences: []s3state.Difference{{Key: key, VersionID: key}}}}, 1)
	if line(out.String()) || line(errOut.String()) {
		t.Errorf("%s\n%s", out, errOut)
	}
}

// A shell takes a quoted word as it is, whatever is in it.
func TestShellQuote(t *testing.T) {
	harness.NeedPrograms(t, "install bash", "bash")
	for _, word := range []string{"plain", "", "two words", "it's", `a\b`, "a\nb", "a\n'\\", "\x1b[2J", "\xff\xfe", "žluť \u202e \u00a0", "$HOME `x` \"q\""} {
		got, err := exec.Command("bash", "-c", "printf %s "+shellQuote(word)).Output()
		if err != nil || string(got) != word {
			t.Errorf("%q: %s, %v %q", word, shellQuote(word), err, got)
		}
		if text := shellQuote(word); text != visible(text) {
			t.Errorf("%q: %s", word, fmt.Sprintf("%q", text))
		}
	}
}
