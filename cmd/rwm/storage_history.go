package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/readfile"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

type storageHistoryCmd struct {
	Bucket string `arg:"" help:"Name of the bucket."`
	HTML   string `name:"html" help:"Write the history to FILE as an HTML page." placeholder:"FILE" predictor:"file"`
	Gap    string `help:"Quiet time that separates two steps." placeholder:"DURATION" default:"10m"`
	Verify int    `help:"How many of the newest saved states to compare with the version history; 0 for none, -1 for all." placeholder:"N" default:"10"`

	ReadAll  bool `help:"Read every key, index, snapshot and lock that ever existed, not only the newest." xor:"read"`
	ListOnly bool `help:"Read none of them: judge by the listing alone." xor:"read"`

	ReviewedUntil string `help:"You have reviewed the history until TIME: earlier marks no longer count (recorded on this machine)." placeholder:"TIME"`
	proofFlags
}

// proofFlags bound what proving may take.
type proofFlags struct {
	MaxRequests int64  `help:"Limit on the requests for proving moments; -1 for no limit." placeholder:"N" default:"200000"`
	MaxData     string `help:"Read all data of a moment if there is no more than SIZE; 0 for never." placeholder:"SIZE" default:"256M"`
}

func (f proofFlags) option() (rwm.Option, error) {
	size, err := restic.ParseSize(f.MaxData)
	if err != nil {
		return nil, usageError{fmt.Errorf("--max-data: %w", err)}
	}
	most := int64(min(size, math.MaxInt64))
	if most == 0 {
		most = -1
	}
	if f.MaxRequests == 0 || f.MaxRequests < -1 {
		return nil, usageError{fmt.Errorf("--max-requests: invalid number %d", f.MaxRequests)}
	}
	return rwm.WithProof(rwm.ProofOptions{MaxRequests: f.MaxRequests, MaxData: most}), nil
}

func (storageHistoryCmd) Help() string {
	return `Reads the version listing, which the server keeps and a host cannot change: what was
written, overwritten and deleted, and when, in steps separated by quiet time. It marks
what no run of restic does, names the last good moment, and prints the commands to
continue from there. Times are the server's, shown in the local zone.

If the bucket is restic_bucket of the configuration and restic_password is set, the last
good moment is proved: it opens with that password, every index and snapshot can be
read, every pack they need exists with the right size and table of contents, and if
there is no more than --max-data of it, all data is read. If the newest moment is
broken, earlier ones are tried until one is good. Without the password nothing is
proved, and the output says so: an attacker who knows restic can delete needed objects
and leave no mark.

Keys, indexes, snapshots, and the locks under which something was deleted are read and
compared with their names; with the password, those that were not encrypted with the
repository's key are marked, and so are snapshots with a false time, which make your
retention delete the genuine ones.

A setting of the bucket that was changed since the last storage-history on this machine,
such as its lifecycle or policy, is marked too, unless RWM changed it here.

Once you have reviewed the marks, --reviewed-until settles them.

  rwm --config admin.conf storage-history backups
  rwm --config admin.conf storage-history backups --html history.html`
}

func (c storageHistoryCmd) Run(a *app) error {
	gap, err := time.ParseDuration(c.Gap)
	if err != nil || gap <= 0 {
		return usageError{fmt.Errorf("--gap: invalid duration %q: write it like 10m or 1h", c.Gap)}
	}
	bounds, err := c.option()
	if err != nil {
		return err
	}
	m, err := a.manager(nil, bounds)
	if err != nil {
		return err
	}
	if c.ReviewedUntil != "" {
		until, err := rwm.ParseTime(c.ReviewedUntil, time.Now())
		if err != nil {
			return usageError{fmt.Errorf("--reviewed-until: %w", err)}
		}
		if err := m.SetReviewed(c.Bucket, until); err != nil {
			return err
		}
	}
	h, err := m.History(a.ctx, c.Bucket, s3state.HistoryOptions{
		Gap: gap, ReadAll: c.ReadAll, ListOnly: c.ListOnly, VerifyStates: c.Verify, NoVerify: c.Verify == 0, OnEvent: a.onStorageEvent,
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
	f, err := readfile.Create(a.ctx, name, 0o600)
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
			mark = strings.TrimSpace(mark + " <- " + goodName(h))
		}
		g.add(formatTime(st.From), formatTime(st.To), describeCounts(st.Counts), yesNo(saved[i] > 0, fmt.Sprint(saved[i]), ""), mark)
	}
	a.show(g)
	a.showSuspicions(h)
	a.showNotes(h)
	if h.Unread > 0 {
		a.printf("%d keys, indexes and snapshots were judged by their sizes only (--read-all reads all of them, as the admin)\n", h.Unread)
	}
	a.println()
	a.showProof(h)
	if h.LastGood.IsZero() {
		return
	}
	if h.LastGoodState != nil {
		a.printf("State saved then: %s version %s\n", printable(h.LastGoodState.Key), printable(h.LastGoodState.VersionID))
	}
	a.println("To go on from there, with restic_bucket: " + h.Bucket + " in the configuration:")
	for _, command := range a.goOn(h) {
		a.println("  " + command)
	}
}

// showProof says which moment is good, and what that is based on.
func (a *app) showProof(h *s3state.History) {
	p := h.Proof
	switch {
	case p.Verdict == s3state.Proved:
		a.printf("Last good moment: %s\n", formatZoned(h.LastGood))
		a.printf("Proved: it opens and holds together: %s, %s, %s (%s looked at, %s)\n",
			count(p.Snapshots, "snapshot"), count(p.Packs, "pack"), yesNo(p.DataRead, "all data read", "data not read"), count(p.Tried, "moment"), count(p.Requests, "request"))
	case h.LastGood.IsZero():
		a.printf("There is no good moment, %s.\n", goodText(h))
	default:
		a.printf("Last moment without a mark: %s\n", formatZoned(h.LastGood))
		a.println(capital(proofText(p)))
	}
	if p.Verdict != s3state.Proved && len(h.Gone) > 0 {
		a.printf("A doubt, since no later moment is proved: %s went %s\n", describeCounts(h.Gone), sinceText(h))
	}
}

func sinceText(h *s3state.History) string {
	if h.ProvedUntil.IsZero() {
		return "at any time"
	}
	return "after " + formatZoned(h.ProvedUntil)
}

// goodText says why there is no good moment.
func goodText(h *s3state.History) string {
	if h.Proof.Tried > 0 || h.Proof.Reason != s3state.NoPassword && h.Total == 0 {
		return fmt.Sprintf("%s (%s looked at, %s)", proofText(h.Proof), count(h.Proof.Tried, "moment"), count(h.Proof.Requests, "request"))
	}
	return "since what is suspicious has been there from the beginning; " + proofText(h.Proof)
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// showNotes lists the marks that do not count.
func (a *app) showNotes(h *s3state.History) {
	if h.TotalNotes == 0 {
		return
	}
	a.printf("\nMarks that do not count (%d):\n", h.TotalNotes)
	for _, s := range h.Notes[:min(len(h.Notes), maxShown)] {
		a.printf("  %s  %s: %s  %s\n", formatTime(s.Time), s.Standing, printable(s.Reason), printable(s.Key))
	}
	if more := h.TotalNotes - maxShown; more > 0 {
		a.printf("  and %d more; --json lists up to %d\n", more, len(h.Notes))
	}
}

func (a *app) showSuspicions(h *s3state.History) {
	if h.Total == 0 {
		a.println("\n" + yesNo(h.Proof.Verdict == s3state.Proved, "Nothing suspicious.", "Nothing is marked, but that proves nothing."))
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
	return s3state.DescribeCounts(counts, formatBytes[int64])
}

// goodName is what the moment that is named is called: good only if that was proved.
func goodName(h *s3state.History) string {
	return yesNo(h.Proof.Verdict == s3state.Proved, "last good moment", "last moment without a mark, not proved")
}

// goOn is the commands that lead on from the last good moment.
func (a *app) goOn(h *s3state.History) []string {
	if h.LastGood.IsZero() {
		return nil
	}
	at := shellQuote(h.LastGood.Local().Format(time.RFC3339Nano))
	rwm := a.command()
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
