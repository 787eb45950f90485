package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/cesnet/rwm/keeper"
	"github.com/cesnet/rwm/keeper/metrics"
	"github.com/cesnet/rwm/keeper/notify"
	"github.com/cesnet/rwm/rwm"
)

// runTeller tells people and machines how a backup run ended.
type runTeller struct {
	a      *app
	cfg    *rwm.Config
	sender *notify.Sender
}

func newRunTeller(a *app, cfg *rwm.Config) (*runTeller, error) {
	sender, err := notify.New(cfg.Notify, cfg.Ping)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", rwm.ErrConfig, err)
	}
	return &runTeller{a, cfg, sender}, nil
}

// context outlives an interruption of the run, which is to be told, too.
func (t *runTeller) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(t.a.ctx), 2*time.Minute)
}

func (t *runTeller) begin() {
	ctx, cancel := t.context()
	defer cancel()
	if err := t.sender.Ping(ctx, keeper.PingStart, ""); err != nil {
		t.a.warning("the watchdog was not told that the run begins: " + err.Error())
	}
}

// end tells the outcome. Of a run that found another one in progress there is none.
func (t *runTeller) end(report *rwm.Report, err error) {
	if errors.Is(err, rwm.ErrRunLocked) {
		return
	}
	ctx, cancel := t.context()
	defer cancel()
	if t.cfg.MetricsFile != "" {
		t.warn(metrics.Backup(t.cfg.MetricsFile, time.Now(), report, err))
	}
	host, _ := os.Hostname()
	text := describeRun(report, err)
	if err == nil && report.OK() {
		t.warn(t.sender.Ping(ctx, keeper.PingSuccess, text))
		t.change(ctx, false, "RWM: backup of "+host+" succeeds again", text)
		return
	}
	t.warn(t.sender.Ping(ctx, keeper.PingFail, text))
	t.change(ctx, true, "RWM: backup of "+host+" FAILED", text)
}

// change sends a message if the run ended otherwise than the last one, and remembers
// that it was sent.
func (t *runTeller) change(ctx context.Context, failed bool, title, text string) {
	lock := t.cfg.LockPath
	if lock == "" {
		lock = rwm.DefaultLockPath
	}
	mark := lock + ".failed"
	if len(t.cfg.Notify) == 0 {
		_ = os.Remove(mark) // or it would hide a failure from receivers added later
		return
	}
	_, err := os.Stat(mark)
	if failed == (err == nil) {
		return
	}
	if err := t.sender.Send(ctx, title, text); err != nil {
		t.warn(err)
		return // the next run tells it
	}
	if failed {
		t.warn(makeMark(mark))
	} else {
		t.warn(os.Remove(mark))
	}
}

// makeMark makes a file that is not there. It follows no link: others may be able to
// write where the lock file is.
func makeMark(name string) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(file, time.Now().Format(time.RFC3339))
	return errors.Join(err, file.Close())
}

func (t *runTeller) warn(err error) {
	if err != nil {
		t.a.warning("how the run ended could not be told everywhere: " + err.Error())
	}
}

// describeRun lists the steps of a run.
func describeRun(report *rwm.Report, err error) string {
	var b strings.Builder
	if report == nil {
		return fmt.Sprintf("The run did not begin: %s\n", messageText(err))
	}
	for _, row := range report.Rows {
		fmt.Fprintf(&b, "%s: %s", printable(row.Name), yesNo(row.OK, "OK", "ERROR"))
		if row.Err != nil {
			fmt.Fprintf(&b, " (%d): %s", row.ReturnCode, printable(rowFailure(row)))
		}
		b.WriteString("\n")
	}
	if err != nil && len(report.Rows) == 0 {
		fmt.Fprintln(&b, messageText(err))
	}
	return b.String()
}

// messageText is an error for a message: an answer of the server in it can neither
// begin a line nor turn text around.
func messageText(err error) string {
	if err == nil {
		return ""
	}
	return indented(visible(failureText(err)))
}
