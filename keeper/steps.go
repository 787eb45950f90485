package keeper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/plural"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

func (v *visit) survey(ctx context.Context) (Outcome, string, error) {
	s, err := v.storage.Survey(ctx, v.r.Survey)
	if err != nil {
		return NotProved, "", err
	}
	v.r.Survey = s
	now := v.k.now()
	if n := len(v.r.Sizes); n == 0 || now.Sub(v.r.Sizes[n-1].Time) >= 24*time.Hour {
		v.r.Sizes = append(v.r.Sizes, sizeAt{now, s.Bytes + s.OldBytes})
	}
	v.r.Sizes = v.r.Sizes[max(0, len(v.r.Sizes)-31):]
	return Proved, plural.Of(s.Objects, "object") + ", " + plural.Of(s.OldCount, "old version"), nil
}

func (v *visit) policy(ctx context.Context) (Outcome, string, error) {
	p, err := v.storage.Policy(ctx)
	if err != nil {
		return NotProved, "", err
	}
	if p.Settings != nil {
		if v.r.Review.Settings == nil {
			v.r.Review.Settings = &s3state.KnownSettings{}
		}
		v.r.Review.Settings.Look(p.Settings, v.k.now())
	}
	if !p.OK {
		v.r.Locked = v.r.Locked || p.Locked
		if p.Locked {
			v.r.Keeps = p.keeps()
		}
		return Failed, oneLine(strings.Join(p.Problems, "; ")), nil
	}
	switch {
	case p.Unknown != "":
		return NotProved, oneLine(p.Unknown), nil
	case v.r.Locked && !p.Locked:
		// A lock cannot be taken off a bucket: this is another bucket, or the server
		// does not do what it says.
		return Failed, "the bucket was locked, and is not any more", nil
	}
	v.r.Locked, v.r.Keeps = p.Locked, p.keeps()
	return Proved, "", nil
}

func (p *PolicyResult) keeps() time.Duration {
	return time.Duration(p.KeepsSeconds * float64(time.Second))
}

func (v *visit) access(ctx context.Context) (Outcome, string, error) {
	a, err := v.storage.Access(ctx)
	if err != nil {
		return NotProved, "", err
	}
	if !a.OK {
		return Failed, "the host can do what it must not, or cannot do what it needs: " + oneLine(strings.Join(a.Harm, ", ")), nil
	}
	return Proved, "", nil
}

// history judges the version history, unless nothing has happened since it was last
// judged.
func (v *visit) history(ctx context.Context) (Outcome, string, error) {
	if v.r.JudgedFor == v.r.Survey.Fingerprint && v.r.JudgedFor != "" {
		return v.judged("nothing has happened since")
	}
	h, err := v.storage.History(ctx, v.r.Review.Until)
	if err != nil {
		return NotProved, "", err
	}
	v.r.Marks, v.r.MarksTotal, v.r.LastGood = h.Marks, h.Total, h.LastGood
	v.r.Steps = h.Steps[max(0, len(h.Steps)-200):]
	v.r.Settled, v.r.States = h.Settled, h.States[max(0, len(h.States)-200):]
	v.proof = h.Proof
	if len(h.Notes) > 0 {
		return NotProved, oneLine(strings.Join(h.Notes, "; ")), nil
	}
	v.r.JudgedFor = v.r.Survey.Fingerprint
	return v.judged("")
}

// judged is Proved even if there are marks: those are red on their own until a person
// has looked at them.
func (v *visit) judged(text string) (Outcome, string, error) {
	if n := len(v.r.Marks); n > 0 {
		text = strings.TrimPrefix(fmt.Sprintf("%s; %s, %d of them not reviewed", text, plural.Of(v.r.MarksTotal, "mark"), len(v.r.unreviewed())), "; ")
	}
	return Proved, text, nil
}

// prove proves the newest moment: that of the last change the server knows.
func (v *visit) prove(ctx context.Context) (Outcome, string, error) {
	if v.r.ProvedFor == v.r.Survey.Fingerprint && v.r.ProvedFor != "" && v.r.Proof != nil {
		return Proved, "nothing has happened since", nil
	}
	if v.r.Survey.Newest.IsZero() {
		return NotProved, "the bucket is empty", nil
	}
	p := v.proof
	if !v.provedAnyway() {
		var err error
		if p, err = v.storage.Prove(ctx, endOf(v.r.Survey.Newest)); err != nil {
			return NotProved, "", err
		}
	}
	switch {
	case p.Proved:
		v.r.Proof, v.r.ProvedFor, v.r.Review.Proved = p, v.r.Survey.Fingerprint, p.Moment.UTC()
		return Proved, plural.Of(p.Snapshots, "snapshot") + ", " + plural.Of(p.Packs, "pack"), nil
	case p.Damage:
		return Failed, oneLine(p.Why), nil
	}
	return NotProved, strings.TrimPrefix(oneLine(p.Why), "not proved: "), nil
}

// provedAnyway reports whether the history of this pass has proved the newest moment.
func (v *visit) provedAnyway() bool {
	return v.proof != nil && v.proof.Proved && !v.proof.Moment.Before(v.r.Survey.Newest)
}

// endOf is the last moment that a time of the server may stand for: some servers cut
// times to the second, and what is written last exists only from the end of that second
// on.
func endOf(t time.Time) time.Time {
	if t.Nanosecond() == 0 && !t.IsZero() {
		return t.Add(time.Second - time.Millisecond)
	}
	return t
}

// renew extends the locks of what is needed; of everything while an alarm is open.
func (v *visit) renew(ctx context.Context) (Outcome, string, error) {
	freeze := v.freeze()
	if a, ok := v.storage.(lockAccepter); ok && v.r.LockAccepted && freeze == "" {
		a.acceptLock(time.Duration(v.cfg.Promise))
	}
	r, err := v.storage.Renew(ctx, freeze)
	switch {
	case !errors.Is(err, ErrNotLocked):
	case !v.r.Locked:
		return Proved, "the bucket is not locked", nil
	case !v.cfg.Policy.On(): // nothing else asks whether it is locked
		return Failed, "the bucket was locked, and is not any more", nil
	}
	if err != nil {
		return NotProved, "", err
	}
	v.r.Locked = true
	v.r.Floor, v.r.FrozenRenewal, v.r.Weakened = r.Floor, freeze != "", r.Weakened
	v.r.LockAccepted = v.r.LockAccepted && r.Weakened != ""
	if r.Wrong != "" {
		v.shortened(r.Wrong)
	}
	text := fmt.Sprintf("%d of %s extended", r.Extended, plural.Of(r.Needed, "version"))
	if r.Young > 0 {
		text += fmt.Sprintf(", %d %s new and left to the next pass", r.Young, plural.Are(r.Young))
	}
	if freeze != "" {
		text += ", deleted ones too: " + freeze
	}
	switch {
	case !r.Kept:
		return Failed, oneLine(strings.Join(append([]string{text}, r.Problems...), "; ")), nil
	case r.Weakened != "" && freeze == "":
		return Failed, oneLine(text + "; everything was kept, deleted objects too, since " + r.Weakened), nil
	}
	return Proved, oneLine(text), nil
}

// lockAccepter is a Storage that can renew for a shorter lock than before, if it keeps
// moments for at least so long.
type lockAccepter interface{ acceptLock(least time.Duration) }

// allRenewer is a Storage that can renew all current objects without finding out whether
// the repository lacks anything. That takes requests for all that is in it, so an
// attacker on the host can make it take more than a budget.
type allRenewer interface{ renewAllCurrent() }

// renewAllCurrent has the storage do so, if it can.
func (v *visit) renewAllCurrent() bool {
	a, ok := v.storage.(allRenewer)
	if ok {
		a.renewAllCurrent()
	}
	return ok
}

// shortened records that locks were shorter than renewals had made them. No run of RWM
// does that, and nobody should be able to: until a person has looked at it, it freezes
// like a change of the settings.
func (v *visit) shortened(text string) {
	if v.r.Review.Settings == nil {
		v.r.Review.Settings = &s3state.KnownSettings{}
	}
	v.r.Review.Settings.Shortened(text, v.r.task(TaskRenew).Proved, v.k.now())
}

// freeze is the reason why nothing may lapse; "" if there is none.
func (v *visit) freeze() string {
	if open := v.r.open(); len(open) > 0 {
		return fmt.Sprintf("%s, the first: %s", plural.Of(len(open), "open alarm"), open[0].ID)
	}
	if n := len(v.r.unreviewed()); n > 0 {
		return fmt.Sprintf("%s of the history %s not reviewed", plural.Of(n, "mark"), plural.Are(n))
	}
	if n := len(v.r.changedSettings()); n > 0 {
		return fmt.Sprintf("%s of the bucket's settings %s not reviewed", plural.Of(n, "change"), plural.Are(n))
	}
	if !v.r.Lost.IsZero() {
		return "what was known before is lost"
	}
	return ""
}

func (v *visit) forget(ctx context.Context) (Outcome, string, error) {
	policy, err := v.cfg.Retention.Policy()
	if err != nil {
		return NotProved, "", err
	}
	note := func(removed []restic.ID) {
		for _, id := range removed {
			if !slices.Contains(v.r.Forgot, id.Short()) {
				v.r.Forgot = append(v.r.Forgot, id.Short())
			}
		}
	}
	if s, ok := v.storage.(forgetTeller); ok {
		s.beforeForgetting(func(removed []restic.ID) { note(removed); v.save() })
	}
	f, err := v.storage.Forget(ctx, policy)
	if err != nil {
		return NotProved, "", err
	}
	note(f.Removed)
	return Proved, fmt.Sprintf("%s forgotten, %s freed", plural.Of(len(f.Removed), "snapshot"), plural.Of(f.Freed, "byte")), nil
}

// forgetTeller is a Storage that says what it is about to forget: once that is gone, a
// prune that fails or a pass that is killed must not make it an alarm.
type forgetTeller interface {
	beforeForgetting(func([]restic.ID))
}

// drop removes old versions, but only right after the current objects were proved.
func (v *visit) drop(ctx context.Context) (Outcome, string, error) {
	if t := v.r.task(TaskProve); t.Outcome != Proved || v.k.now().Sub(t.Proved) > 25*time.Hour {
		return NotProved, "nothing was dropped, since the newest moment is not proved", nil
	}
	if r, ok := v.storage.(reviewer); ok {
		r.reviewedUntil(v.r.Review.Until)
	}
	d, err := v.storage.Drop(ctx, time.Duration(v.cfg.Promise))
	if err != nil {
		return NotProved, "", err
	}
	return Proved, fmt.Sprintf("%s and %s dropped, %s", plural.Of(d.Versions, "version"), plural.Of(d.Markers, "delete marker"), plural.Of(d.Bytes, "byte")), nil
}

// reviewer is a Storage that can be told until when a person has looked at the history,
// so that its Drop does not refuse for what was looked at.
type reviewer interface{ reviewedUntil(at time.Time) }

// period returns how often a task is done; reading is done slice by slice.
func period(cfg *StorageConfig, t Task) time.Duration {
	d := cfg.every(t).Duration()
	if t == TaskRead {
		d /= time.Duration(sliceCount(d))
	}
	return d
}

// sliceCount is the number of slices of packs: one for each day, at most 256, as in
// restic.
func sliceCount(within time.Duration) uint {
	return uint(min(max(within/(24*time.Hour), 1), 256))
}

// read reads the slices that are due, those not read for the longest time first. After
// a while without passes it catches up.
func (v *visit) read(ctx context.Context) (Outcome, string, error) {
	n := int(sliceCount(v.cfg.ReadAllWithin.Duration()))
	if len(v.r.Slices) != n {
		v.r.Slices, v.r.ReadSince = make([]time.Time, n), v.k.now()
	}
	turns := 1
	if last := slices.MaxFunc(v.r.Slices, time.Time.Compare); !last.IsZero() {
		if each := period(v.cfg, TaskRead); each > 0 {
			turns = min(max(int(v.k.now().Sub(last)/each), 1), n)
		}
	}
	var packs int
	var bytes uint64
	for range turns {
		i := oldest(v.r.Slices)
		res, err := v.storage.ReadSlice(ctx, uint(i+1), uint(n))
		if err != nil {
			return NotProved, "", err
		}
		if n := max(res.Faults, len(res.Damage)); n > 0 {
			return Failed, oneLine(fmt.Sprintf("%s found: %s", plural.Of(n, "fault"), strings.Join(res.Damage[:min(len(res.Damage), 10)], "; "))), nil
		}
		packs, bytes = packs+res.Packs, bytes+res.Bytes
		v.r.Slices[i] = v.k.now()
		if err := v.k.state.save(v.name, v.r, false); err != nil { // it may be killed in the next
			return NotProved, "", err
		}
	}
	return Proved, fmt.Sprintf("%d of %s: %s, %s", turns, plural.Of(n, "slice"), plural.Of(packs, "pack"), plural.Of(bytes, "byte")), nil
}

func oldest(times []time.Time) (at int) {
	for i, t := range times {
		if t.Before(times[at]) {
			at = i
		}
	}
	return at
}

// overdue counts the slices that should have been read.
func overdue(r *record, within time.Duration, now time.Time) (late int) {
	for _, t := range r.Slices {
		if now.Sub(later(t, r.ReadSince)) > within+grace(within/time.Duration(max(len(r.Slices), 1))) {
			late++
		}
	}
	return late
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func readShare(r *record, within Every, now time.Time) float64 {
	if len(r.Slices) == 0 {
		return 0
	}
	read := 0
	for _, t := range r.Slices {
		if !t.IsZero() && now.Sub(t) <= within.Duration()+grace(0) {
			read++
		}
	}
	return float64(read) / float64(len(r.Slices))
}

// drill restores samples as of now and as of the oldest promised moment.
func (v *visit) drill(ctx context.Context) (Outcome, string, error) {
	s := v.r.Survey
	if s.NewestSnapshot.IsZero() {
		return NotProved, "there is no snapshot to restore", nil
	}
	plan := DrillPlan{Now: endOf(s.Newest), Files: v.cfg.DrillFiles, Seed: uint64(v.k.now().UnixNano())}
	plan.Then = later(v.k.now().Add(-time.Duration(v.cfg.Promise)), s.OldestSnapshot)
	if v.r.Drills%8 == 7 {
		plan.Whole = int64(v.cfg.WholeSnapshot)
	}
	d, err := v.storage.Drill(ctx, plan)
	if err != nil {
		return NotProved, "", err
	}
	d.Time = v.k.now()
	v.r.Drill = d
	v.r.Drills++
	if len(d.Failed) > 0 {
		return Failed, oneLine("not restored as the snapshot has it: " + strings.Join(d.Failed[:min(3, len(d.Failed))], "; ")), nil
	}
	if d.Files == 0 {
		return NotProved, "no file was found to restore", nil
	}
	return Proved, fmt.Sprintf("%s, %s at %.1f MB/s", plural.Of(d.Files, "file"), plural.Of(d.Bytes, "byte"), d.BytesPerSecond()/1e6), nil
}
