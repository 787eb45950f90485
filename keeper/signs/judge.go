package signs

import (
	"fmt"
	"slices"
	"time"

	"github.com/cesnet/rwm/internal/plural"
)

// Kind is the kind of an alarm.
type Kind string

// The kinds of alarms.
const (
	KindTurned  Kind = "encrypted" // contents that no longer are what their type has
	KindRenamed Kind = "renamed"   // to one new extension
	KindChanged Kind = "changed"   // very many, to what does not compress
	KindDrift   Kind = "drift"     // a few each day, to what does not compress
	KindNote    Kind = "note"      // ransom notes
	KindSmaller Kind = "smaller"   // files or bytes lost
	KindSlower  Kind = "slower"
	KindMissing Kind = "missing"   // no backup where one was to be expected
	KindForgot  Kind = "forgotten" // most snapshots, or all, were removed
)

// Alarm is a sign of ransomware in one backup.
type Alarm struct {
	Kind     Kind      `json:"kind"`
	Snapshot string    `json:"snapshot,omitempty"`
	Time     time.Time `json:"time"` // of the snapshot
	// Text is one sentence with the figures; Paths are some files concerned.
	Text    string             `json:"text"`
	Paths   []string           `json:"paths,omitempty"`
	Figures map[string]float64 `json:"figures"`
}

// window is how far back slow changes are added up. enough is how many snapshots it
// takes to know what is usual.
const (
	window = 7 * 24 * time.Hour
	enough = 5
)

// Judge finds what is alarming about the newest snapshot of a backup, given the
// observations before it, the oldest first. Thresholds are robust statistics of that
// past: medians and median absolute deviations, which a single outlier does not move.
func Judge(past []Observation, now Observation, s Sensitivity) (alarms []Alarm) {
	t, on := levels[s]
	if !on {
		return nil
	}
	j := judgement{t: t, past: past, now: now, week: recent(past, now)}
	for _, sign := range []func() *Alarm{
		j.turned, j.renamed, j.changed, j.drift, j.notes, j.smaller, j.dwindled, j.slower,
	} {
		if a := sign(); a != nil {
			a.Snapshot, a.Time = now.Snapshot, now.Time
			alarms = append(alarms, *a)
		}
	}
	return alarms
}

type judgement struct {
	t    thresholds
	past []Observation
	now  Observation
	week []Observation // the last days, now included
}

func recent(past []Observation, now Observation) (week []Observation) {
	for _, o := range past {
		if now.Time.Sub(o.Time) < window {
			week = append(week, o)
		}
	}
	return append(week, now)
}

// before is how many files there were when the week began.
func (j *judgement) before() int {
	for _, o := range j.week {
		if o.Changes != nil && o.Changes.Before > 0 {
			return o.Changes.Before
		}
	}
	return 0
}

func (j *judgement) turned() *Alarm {
	if j.now.Changes == nil || j.now.Changes.Turned == 0 {
		return nil
	}
	seen, estimate := 0, 0.0
	for _, o := range j.week {
		if o.Changes != nil {
			seen += o.Changes.Turned
			estimate += o.Changes.turned()
		}
	}
	part := estimate / float64(max(j.before(), 1))
	if seen < min(j.t.few, max(j.before()/2, 1)) || part < j.t.turned && seen < 20 {
		return nil
	}
	return &Alarm{
		Kind: KindTurned, Paths: j.now.Changes.TurnedPaths,
		Text: fmt.Sprintf("%d of the changed files read this week had a known type before and are "+
			"random bytes now, about %.0f files or %.1f %% of the backup", seen, estimate, 100*part),
		Figures: map[string]float64{"files": float64(seen), "estimated_files": estimate, "share": part},
	}
}

func (j *judgement) renamed() *Alarm {
	c := j.now.Changes
	if c == nil || c.WithExtension == 0 {
		return nil
	}
	all, with := 0, 0
	for _, o := range j.week {
		if o.Changes == nil {
			continue
		}
		all += o.Changes.Renamed
		if o.Changes.Extension == c.Extension {
			with += o.Changes.WithExtension
		}
	}
	part := share(with, j.before())
	if with < j.t.few || part < j.t.renamed || share(with, all) < 0.5 {
		return nil
	}
	return &Alarm{
		Kind: KindRenamed, Paths: c.RenamedPaths,
		Text: fmt.Sprintf("%s (%.1f %%) got the extension %q and other content this week",
			plural.Of(with, "file"), 100*part, c.Extension),
		Figures: map[string]float64{"files": float64(with), "share": part},
	}
}

// changed is very many files at once, and new data that does not compress though it
// used to. Where contents could be read and none of them turned into noise, it takes
// half of all files.
func (j *judgement) changed() *Alarm {
	c := j.now.Changes
	if c == nil || c.Before < 10 {
		return nil
	}
	least := j.t.changed
	if c.Read >= 10 && c.Turned == 0 {
		least = max(least, 0.5)
	}
	packed, known := j.now.packed()
	if c.replaced() < least || !known || packed < j.t.packed || !j.packsWorse(packed) ||
		!unusual(j.shares(), c.replaced(), j.t.deviates) {
		return nil
	}
	return &Alarm{
		Kind: KindChanged, Paths: firstOf(c.ChangedPaths, c.RenamedPaths, c.DeletedPaths),
		Text: fmt.Sprintf("%.0f %% of the files were replaced (usually %.1f %%), and the new data takes "+
			"%.0f %% of its size when compressed (usually %.0f %%)", 100*c.replaced(),
			100*median(j.shares()), 100*packed, 100*median(j.ratios())),
		Figures: map[string]float64{"share": c.replaced(), "usual_share": median(j.shares()),
			"packed": packed, "usual_packed": median(j.ratios())},
	}
}

func firstOf(lists ...[]string) []string {
	for _, list := range lists {
		if len(list) > 0 {
			return list
		}
	}
	return nil
}

// drift is for backups whose contents may not be read: three snapshots in a row with
// more changed files than ever and data that compresses worse than ever.
func (j *judgement) drift() *Alarm {
	const run = 3
	if len(j.past) < enough+run {
		return nil
	}
	older := judgement{t: j.t, past: j.past[:len(j.past)-run+1]}
	last := append(slices.Clone(j.past[len(j.past)-run+1:]), j.now)
	total := 0
	for _, o := range last {
		c := o.Changes
		packed, known := o.packed()
		if c == nil || c.Read > 0 || !known || packed < 0.8 || c.New > c.Changed/2 ||
			!older.packsWorse(packed) || !unusual(older.shares(), c.replaced(), j.t.deviates) {
			return nil
		}
		total += c.Changed
	}
	part := share(total, last[0].Changes.Before)
	if total < j.t.few || part < j.t.renamed {
		return nil
	}
	return &Alarm{
		Kind: KindDrift, Paths: j.now.Changes.ChangedPaths,
		Text: fmt.Sprintf("the last %d backups changed %s (%.1f %%) to data that hardly compresses, "+
			"which it did before", run, plural.Of(total, "file"), 100*part),
		Figures: map[string]float64{"files": float64(total), "share": part},
	}
}

func (j *judgement) notes() *Alarm {
	c := j.now.Changes
	if c == nil || c.Notes == 0 {
		return nil
	}
	if c.Notes < j.t.noteDirs && c.Turned == 0 && c.Renamed == 0 {
		return nil
	}
	return &Alarm{
		Kind: KindNote, Paths: c.NotePaths,
		Text: fmt.Sprintf("a file called like a ransom note, %q, appeared in %s",
			c.NoteName, plural.Of(c.Notes, "directory")),
		Figures: map[string]float64{"directories": float64(c.Notes)},
	}
}

func inWords(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second)).Round(time.Second)
}

// slower compares the time a backup took, unless it had much more to do.
func (j *judgement) slower() *Alarm {
	var took, rate []float64
	work := func(o Observation) float64 { return float64(o.DataAdded)/1e6 + float64(o.Files)/1e3 + 1 }
	for _, o := range j.past {
		if o.Seconds > 0 {
			took = append(took, o.Seconds)
			rate = append(rate, o.Seconds/work(o))
		}
	}
	now := j.now.Seconds
	if len(took) < enough || now < 1800 ||
		now < j.t.slower*median(took) || !unusual(took, now, j.t.deviates) ||
		!unusual(rate, now/work(j.now), j.t.deviates) {
		return nil
	}
	return &Alarm{
		Kind:    KindSlower,
		Text:    fmt.Sprintf("the backup took %s; usually %s", inWords(now), inWords(median(took))),
		Figures: map[string]float64{"seconds": now, "usual_seconds": median(took)},
	}
}

// shares are the shares of files replaced in the past, ratios how new data packed.
func (j *judgement) shares() (shares []float64) {
	for _, o := range j.past {
		if o.Changes != nil {
			shares = append(shares, o.Changes.replaced())
		}
	}
	return shares
}

func (j *judgement) ratios() (ratios []float64) {
	for _, o := range j.past {
		if r, known := o.packed(); known {
			ratios = append(ratios, r)
		}
	}
	return ratios
}

// packsWorse reports whether new data compresses clearly worse than it used to. A
// backup of what never compressed shows nothing here.
func (j *judgement) packsWorse(packed float64) bool {
	past := j.ratios()
	return len(past) == 0 || packed > median(past)+max(0.1, j.t.deviates*mad(past))
}
