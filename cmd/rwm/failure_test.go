package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cesnet/rwm/internal/resticflags"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
	"github.com/cesnet/rwm/s3tool"
)

// Who interrupts a change still learns what is left behind.
func TestInterruptedTellsWhatIsLeft(t *testing.T) {
	step := &s3state.StepError{Op: "restore", Bucket: "rescue", Step: "copy the objects", Err: context.Canceled, Next: "run the same restore again"}
	for _, c := range []struct {
		err  error
		want string
	}{
		{context.Canceled, "interrupted"},
		{fmt.Errorf("read x: %w", context.Canceled), "interrupted"},
		{&s3tool.PartialError{Op: "remove s3://b", Failed: []error{context.Canceled}, Done: 3}, "interrupted: remove s3://b: 3 done; run the same again to go on"},
		{step, "interrupted: restore rescue: copy the objects; run the same restore again"},
		{fmt.Errorf("drop versions of bucket b: %w (5 old versions are gone; run it again)", context.Canceled),
			"interrupted: drop versions of bucket b (5 old versions are gone; run it again)"},
	} {
		if got := interruptedText(c.err, failureText(c.err)); got != c.want {
			t.Errorf("%q, not %q", got, c.want)
		}
	}
}

// Keys are the host's, and an attacker's, to choose.
func TestStateKeysDoNotReachTheTerminal(t *testing.T) {
	var out strings.Builder
	a := &app{}
	a.stdout = newStream(nil, &out, &bar{})
	a.showInfo(&s3state.Info{Check: &s3state.PolicyCheck{}, States: []s3state.SavedState{
		{Key: "rwm/state_\x1b[2J\nforged  row.json.gz", VersionID: "v\x1b[1m"},
	}}, s3state.Proof{})
	if strings.ContainsRune(out.String(), '\x1b') || strings.Contains(out.String(), "\nforged") {
		t.Errorf("%q", out.String())
	}
}

func TestErrorsDoNotReachTheTerminalRaw(t *testing.T) {
	var out strings.Builder
	a := &app{bar: &bar{}}
	a.stderr = newStream(nil, &out, a.bar)
	a.printFailure(errors.New("two\nlines of \x1b[2J\r\x9b\xff\u202e and wörds of \"text\""), 1)
	if want := "rwm: two\n     lines of \\x1b[2J\\r\\x9b\\xff\\u202e and wörds of \"text\"\n"; out.String() != want {
		t.Errorf("%q, not %q", out.String(), want)
	}
}

// Nor can what a server answers look like a warning of the program, or repeat what a
// request was signed with, on the terminal and in messages.
func TestWarningsAndMessagesOfAHostileServer(t *testing.T) {
	answer := errors.New("no\nrwm: all is well\u202e\nAuthorization: AWS4-HMAC-SHA256 Credential=AKID/x, Signature=cafe\nX-Amz-Security-Token: cafe")
	a, _, stderr := testApp(false)
	a.warning(answer.Error())
	a.waits("opening", answer)
	a.onEvent(restic.Warning{Text: "x", Err: answer})
	message := describeRun(nil, answer) + describeRun(&rwm.Report{}, answer) +
		describeRun(&rwm.Report{Rows: []rwm.Row{{Step: rwm.StepBackup, Name: "home", Err: answer}}}, answer)
	for _, text := range []string{stderr.String(), message} {
		if strings.Contains(text, "\nrwm: all") || strings.Contains(text, "cafe") || strings.Contains(text, "\u202e") || !strings.Contains(text, "all is well") {
			t.Errorf("%s", text)
		}
	}
}

func TestDifferencesAreListed(t *testing.T) {
	var out strings.Builder
	a := &app{}
	a.stderr = newStream(nil, &out, &bar{})
	v := &s3state.Verification{Differences: []s3state.Difference{{Key: "one", Reason: "r1"}, {Key: "two", VersionID: "v2", Reason: "r2"}}, Total: 2}
	err := fmt.Errorf("x: %w", &s3state.StateDiffersError{Verification: v})
	if a.showBatch(err); !strings.Contains(out.String(), `"one": r1`) || !strings.Contains(out.String(), `"two" version v2: r2`) {
		t.Errorf("%q", out.String())
	}
	if errors.Is(err, s3state.ErrStateDiffers) != true {
		t.Error("not an ErrStateDiffers")
	}
}

// A repository file may hold credentials, if only by mistake.
func TestRepositoryThatIsNoURL(t *testing.T) {
	for _, name := range []string{"s3:https://me:se/cret@host/b", "s3:https://me:se%zcret@host/b", "s3:https://me:se cret@host/b"} {
		a, _, _ := testApp(false)
		_, err := a.location(name, &rwm.Config{}, resticflags.S3{})
		if err == nil || strings.Contains(err.Error(), ":se") || strings.Contains(err.Error(), "%zc") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
