package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/cesnet/rwm/s3state"
)

type storageHistoryCmd struct {
	Bucket string `arg:"" help:"Name of the bucket."`
	HTML   string `name:"html" help:"Write the history to FILE as a page to look at in a browser." placeholder:"FILE" predictor:"file"`
	Quiet  string `name:"gap" help:"How long nothing must happen between two steps." placeholder:"DURATION" default:"10m"`
	Verify int    `help:"How many of the newest saved states to compare with the version history; 0 for none, -1 for all." placeholder:"N" default:"10"`

	ReadAll  bool `help:"Read every key, index, snapshot and lock there ever was, and not only the newest." xor:"read"`
	ListOnly bool `help:"Read none of them: judge by the listing alone." xor:"read"`
}

func (storageHistoryCmd) Help() string {
	return `Reads the version listing, which the server keeps and a host cannot change: when what was written, overwritten and deleted, in steps with quiet between them. It marks what no run of restic does, names the last good moment before that, and prints the commands to go on from there. Times are the server's, shown in the local zone.

Keys, indexes, snapshots, and the locks under which something was deleted are read and compared with their names. Where the bucket is restic_bucket of the configuration and restic_password is set, it is also judged what only the password shows: files that are not this repository's, and snapshots that claim a time in the future, by which an intruder has the retention remove the real ones.

  rwm --config admin.conf storage-history backups
  rwm --config admin.conf storage-history backups --html history.html`
}

func (c storageHistoryCmd) Run(a *app) error {
	gap, err := time.ParseDuration(c.Quiet)
	if err != nil || gap <= 0 {
		return usageError{fmt.Errorf("--gap: %q is not a duration like 10m or 1h", c.Quiet)}
	}
	m, err := a.manager(nil)
	if err != nil {
		return err
	}
	h, err := m.History(a.ctx, c.Bucket, s3state.HistoryOptions{
		Quiet: gap, ReadAll: c.ReadAll, ListOnly: c.ListOnly, VerifyStates: howMany(c.Verify), OnEvent: a.onStorageEvent,
	})
	a.bar.end()
	if err != nil {
		return err
	}
	if c.HTML != "" {
		if err := a.writeHistoryPage(c.HTML, h); err != nil {
			return err
		}
	}
	if a.cli.JSON {
		return a.emit(newJSONHistory(h, a.goOn(h)))
	}
	a.showHistory(h)
	return nil
}

// writeHistoryPage leaves no half-written page behind. Keys are in it, but no
// secrets; still it is the admin's.
func (a *app) writeHistoryPage(name string, h *s3state.History) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			_ = os.Remove(name)
		}
	}()
	return historyPage(f, h, a.goOn(h), time.Local)
}

// maxShown is how many suspicions the table lists.
const maxShown = 20

func (a *app) showHistory(h *s3state.History) {
	a.printf("History of bucket %s, times in %s\n", h.Bucket, time.Now().Format("MST (-07:00)"))
	if len(h.Steps) == 0 {
		a.println("nothing ever happened in it")
		return
	}
	saved := make(map[int]int)
	for _, s := range h.States {
		if i := stepOf(h, s.Time); i >= 0 {
			saved[i]++
		}
	}
	g := &grid{header: []string{"FROM", "TO", "WHAT HAPPENED", "STATES", "MARK"}, right: []int{3}}
	for i, st := range h.Steps {
		mark := ""
		if st.Suspicions > 0 {
			mark = fmt.Sprintf("SUSPICIOUS (%d)", st.Suspicions)
		}
		if !h.LastGood.IsZero() && stepOf(h, h.LastGood) == i {
			mark = strings.TrimSpace(mark + " <- last good moment")
		}
		g.add(formatTime(st.From), formatTime(st.To), describeCounts(st.Counts), yesNo(saved[i] > 0, fmt.Sprint(saved[i]), ""), mark)
	}
	a.show(g)
	a.showSuspicions(h)
	if h.Unread > 0 {
		a.printf("%d keys, indexes and snapshots were judged by their sizes only (--read-all reads all of them, as the admin)\n", h.Unread)
	}
	a.println()
	if h.LastGood.IsZero() {
		a.println("There is no good moment: what is suspicious is there from the beginning.")
		return
	}
	a.printf("Last good moment: %s\n", formatZoned(h.LastGood))
	if h.LastGoodState != nil {
		a.printf("State saved then: %s version %s\n", printable(h.LastGoodState.Key), printable(h.LastGoodState.VersionID))
	}
	a.println("To go on from there, with restic_bucket: " + h.Bucket + " in the configuration:")
	for _, command := range a.goOn(h) {
		a.println("  " + command)
	}
}

func (a *app) showSuspicions(h *s3state.History) {
	if h.Total == 0 {
		a.println("\nNothing suspicious.")
		return
	}
	a.printf("\nSuspicious, what no run of restic does (%d):\n", h.Total)
	for _, s := range h.Suspicions[:min(len(h.Suspicions), maxShown)] {
		a.printf("  %s  %s  %s\n", formatTime(s.Time), printable(s.Reason), printable(s.Key))
	}
	if more := h.Total - maxShown; more > 0 {
		a.printf("  and %d more; --json and --html list up to %d\n", more, len(h.Suspicions))
	}
}

// stepOf is the number of the step at a time, or the last one before it; -1 if
// there is none.
func stepOf(h *s3state.History, at time.Time) int {
	found := -1
	for i, st := range h.Steps {
		if !st.From.After(at) {
			found = i
		}
	}
	return found
}

// describeCounts is "written 12 packs (3.1 MiB), 1 index; deleted 4 locks".
func describeCounts(counts []s3state.Count) string {
	var parts []string
	for _, change := range []s3state.Change{s3state.Written, s3state.Overwritten, s3state.Deleted, s3state.Rewritten} {
		var list []string
		for _, c := range counts {
			if c.Change != change {
				continue
			}
			text := fmt.Sprintf("%d %s", c.N, plural(c.Type, c.N))
			if c.Type == s3state.TypePack && c.Bytes > 0 {
				text += " (" + formatBytes(c.Bytes) + ")"
			}
			list = append(list, text)
		}
		if len(list) > 0 {
			parts = append(parts, string(change)+" "+strings.Join(list, ", "))
		}
	}
	return strings.Join(parts, "; ")
}

func plural(t s3state.FileType, n int64) string {
	switch {
	case t == s3state.TypeOther:
		return "foreign"
	case n == 1:
		return string(t)
	case t == s3state.TypeIndex:
		return "indexes"
	}
	return string(t) + "s"
}

// goOn is the commands that lead on from the last good moment.
func (a *app) goOn(h *s3state.History) []string {
	if h.LastGood.IsZero() {
		return nil
	}
	at := shellQuote(h.LastGood.Local().Format(time.RFC3339Nano))
	rwm := "rwm"
	if a.cli.Config != defaultConfig {
		rwm += " --config " + shellQuote(a.cli.Config)
	}
	commands := []string{
		rwm + " restic --at " + at + " snapshots",
		rwm + " restic --at " + at + " check --read-data",
		rwm + " restic --at " + at + " restore latest --target ./restored --verify",
		rwm + " storage-check " + h.Bucket + " --at " + at + " --read-data",
		rwm + " storage-restore-state " + h.Bucket + " " + h.Bucket + "-rescue --at " + at,
	}
	if s := h.LastGoodState; s != nil {
		commands = append(commands, rwm+" storage-restore-state "+h.Bucket+" "+h.Bucket+"-rescue "+shellQuote(s.Key)+" "+shellQuote(s.VersionID))
	}
	return commands
}
