package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cesnet/rwm/internal/redact"
	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
	"github.com/cesnet/rwm/s3tool"
)

// printFailure writes the error that ended the run: one line, a second one with
// advice where there is some. With --json it is restic's exit_error.
func (a *app) printFailure(err error, code int) {
	a.bar.end()
	message := failureText(err)
	if code == exitInterrupted && message != "" {
		message = interruptedText(err, message)
	}
	if code == exitBrokenPipe || message == "" {
		return
	}
	if errors.Is(err, restic.ErrNoBucket) {
		if meant := a.bucketMeant(err); meant != "" {
			message = strings.TrimSuffix(message, ".") + "; did you mean bucket " + meant + "?"
		}
	}
	message = a.suggestion(message)
	if a.cli.JSON {
		_ = emitTo(a.stderr, struct {
			MessageType string `json:"message_type"`
			Code        int    `json:"code"`
			Message     string `json:"message"`
		}{"exit_error", code, message})
		return
	}
	a.warn("rwm: %s", message)
	if h := hint(err); h != "" && code != exitInterrupted {
		a.warn("     %s", h)
	}
}

// interruptedText keeps what the error tells of a change to a bucket that was
// left half-done.
func interruptedText(err error, message string) string {
	if errors.Is(err, restic.ErrLockLeft) {
		return "interrupted; a lock is left behind, which `rwm restic unlock` removes"
	}
	var some *s3tool.PartialError
	if errors.As(err, &some) {
		return fmt.Sprintf("interrupted: %s: %d done; run the same again to go on", some.Op, some.Done)
	}
	var step *s3state.StepError
	var batch *s3state.BatchError
	if errors.As(err, &step) || errors.As(err, &batch) || strings.Contains(message, "run it again") || strings.Contains(message, "run the same again") {
		return "interrupted: " + withoutCause.Replace(message)
	}
	return "interrupted"
}

// withoutCause drops what the first word says already.
var withoutCause = strings.NewReplacer(": "+errInterrupted.Error(), "", ": "+context.Canceled.Error(), "")

func failureText(err error) string {
	var own *exitError
	if errors.As(err, &own) && own.err == nil {
		return ""
	}
	return redact.Text(strings.TrimSpace(err.Error()))
}

// hint is what to do next, where the error itself cannot know the command for it.
func hint(err error) string {
	switch {
	case errors.Is(err, restic.ErrLocked):
		return "`rwm restic unlock` removes stale locks"
	case errors.Is(err, restic.ErrSealed):
		return "see docs/sealed.md: the admin reads for the host, or lets it read for a time (rwm storage-unseal BUCKET --for 4h)"
	case s3err.Forbidden(err) && !strings.Contains(err.Error(), "the admin"):
		return "what a host may not do, such as reading old versions or changing the bucket, takes the admin's credentials"
	case errors.Is(err, restic.ErrNoBucket):
		return "`rwm storage-list` shows the buckets there are; the admin creates one (rwm storage-create BUCKET USERNAME)"
	case errors.Is(err, errNoConfig):
		return "name the configuration with --config FILE, or write rwm.conf here; docs/configuration.md says what is in it"
	case errors.As(err, new(*rwm.TooEarlyError)): // it says what can be opened
	case errors.Is(err, restic.ErrRepositoryGone):
		return "docs/recovery.md shows how; for a new repository in its place: `rwm restic init --fresh-start`"
	case errors.Is(err, restic.ErrNoRepository):
		return "if there was one, its old versions may still be there: see `rwm storage-info BUCKET` and docs/recovery.md; " +
			"for a new repository: `rwm restic init`"
	case errors.Is(err, s3state.ErrNoState) && errors.Is(err, s3state.ErrNoObject) && !errors.As(err, new(*s3state.BatchError)):
		return "`rwm storage-info BUCKET` shows the saved states, also deleted ones, with their keys and versions"
	case errors.Is(err, s3state.ErrUnconfirmed):
		return "`rwm storage-history BUCKET` shows what happened, and the last good moment"
	}
	var usage usageError
	if errors.As(err, &usage) {
		return "see: rwm --help, rwm COMMAND --help"
	}
	return ""
}

// interrupted says that a signal was taken, and what another one does.
func (a *app) interrupted(s os.Signal) {
	text := fmt.Sprintf("%v received, cleaning up (once more to stop at once)", s)
	if a.wantsJSON.Load() {
		a.warnJSON(text)
		return
	}
	start := ""
	if a.stderr.terminal {
		start = "\r" // over the ^C
	}
	fmt.Fprintf(a.stderr, "%srwm: %s\n", start, text)
}
