package signs

import (
	"fmt"
	"slices"
	"time"

	"github.com/cesnet/rwm/internal/plural"
)

// Forgotten raises an alarm if snapshots of a backup were removed: all of them, or most
// at once and more than ever before. known is how many there were, gone how many of
// those are no more, past how many went at a time before.
func Forgotten(known, gone int, past []int, s Sensitivity) *Alarm {
	t, on := levels[s]
	if !on || gone == 0 {
		return nil
	}
	most := 0
	for _, n := range past {
		most = max(most, n)
	}
	if gone < known && (gone < 5 || share(gone, known) < t.lost || gone <= 2*most) {
		return nil
	}
	return &Alarm{
		Kind:    KindForgot,
		Text:    fmt.Sprintf("%d of %s %s removed (never more than %d at a time before)", gone, plural.Of(known, "snapshot"), plural.Were(gone), most),
		Figures: map[string]float64{"removed": float64(gone), "known": float64(known), "usual": float64(most)},
	}
}

// Missing raises an alarm if a backup is overdue, compared with its usual times: times
// are those of its snapshots, the oldest first. It needs at least six.
func Missing(times []time.Time, now time.Time, s Sensitivity) *Alarm {
	t, on := levels[s]
	if !on || len(times) <= enough {
		return nil
	}
	var gaps []float64
	for i := 1; i < len(times); i++ {
		gaps = append(gaps, times[i].Sub(times[i-1]).Hours())
	}
	last := times[len(times)-1]
	since := now.Sub(last).Hours()
	usual := max(median(gaps)+t.deviates*mad(gaps), slices.Max(gaps))
	if since <= 1.5*usual+6 {
		return nil
	}
	return &Alarm{
		Kind: KindMissing, Time: last,
		Text: fmt.Sprintf("the last backup is %.0f hours old; it used to come every %.0f hours, and never "+
			"after more than %.0f", since, median(gaps), slices.Max(gaps)),
		Figures: map[string]float64{"hours": since, "usual_hours": median(gaps)},
	}
}

func (j *judgement) smaller() *Alarm {
	if a := j.deleted(); a != nil || len(j.past) < 2 {
		return a
	}
	files, bytes := []float64{}, []float64{}
	for _, o := range j.past {
		files, bytes = append(files, float64(o.Files)), append(bytes, float64(o.Bytes))
	}
	keep := 1 - j.t.lost
	less := func(past []float64, v float64) bool {
		return v < keep*median(past) && v < keep*past[len(past)-1] && v < 0.9*slices.Min(past)
	}
	if median(files) < 10 && !less(bytes, float64(j.now.Bytes)) ||
		!less(files, float64(j.now.Files)) && !less(bytes, float64(j.now.Bytes)) {
		return nil
	}
	a := &Alarm{
		Kind: KindSmaller,
		Text: fmt.Sprintf("the backup holds %s and %s; usually %.0f files and %.0f bytes",
			plural.Of(j.now.Files, "file"), plural.Of(j.now.Bytes, "byte"), median(files), median(bytes)),
		Figures: map[string]float64{"files": float64(j.now.Files), "bytes": float64(j.now.Bytes),
			"usual_files": median(files), "usual_bytes": median(bytes)},
	}
	if c := j.now.Changes; c != nil {
		a.Paths = c.DeletedPaths
		a.Figures["deleted"] = float64(c.Deleted)
	}
	return a
}

// deleted is most files gone at once and not moved, unlike ever before, whatever came
// in their place.
func (j *judgement) deleted() *Alarm {
	c := j.now.Changes
	var past []float64
	for _, o := range j.past {
		if o.Changes != nil {
			past = append(past, share(o.Changes.Deleted, o.Changes.Before))
		}
	}
	if c == nil || c.Before < 20 || len(past) < enough {
		return nil
	}
	part := share(c.Deleted, c.Before)
	if part < j.t.lost || !unusual(past, part, j.t.deviates) {
		return nil
	}
	return &Alarm{
		Kind: KindSmaller, Paths: c.DeletedPaths,
		Text: fmt.Sprintf("%d of %s (%.0f %%) %s deleted since the backup before (usually %.1f %%)",
			c.Deleted, plural.Of(c.Before, "file"), 100*part, plural.Were(c.Deleted), 100*median(past)),
		Figures: map[string]float64{"deleted": float64(c.Deleted), "share": part, "usual_share": median(past)},
	}
}

// dwindled is a backup that loses some files again and again and hardly gains any,
// until a good part is gone: deletions so slow that none of them is unusual. It is told
// when that part is reached, not at each backup after it.
func (j *judgement) dwindled() *Alarm {
	most, lost := j.loss(j.past, j.now.Files)
	if !lost {
		return nil
	}
	if n := len(j.past) - 1; n > 0 {
		if _, before := j.loss(j.past[:n], j.past[n].Files); before {
			return nil
		}
	}
	a := &Alarm{
		Kind: KindSmaller,
		Text: fmt.Sprintf("the backup holds %s, %.0f %% fewer than the %d of some time ago: nearly every backup since lost some",
			plural.Of(j.now.Files, "file"), 100*(1-share(j.now.Files, most)), most),
		Figures: map[string]float64{"files": float64(j.now.Files), "most_files": float64(most)},
	}
	if c := j.now.Changes; c != nil {
		a.Paths = c.DeletedPaths
	}
	return a
}

// loss finds the largest number of files of the past, and reports whether a good part
// of them went since, in many small steps.
func (j *judgement) loss(past []Observation, now int) (most int, lost bool) {
	const steps = 10
	at := 0
	for i, o := range past {
		if o.Files >= most {
			most, at = o.Files, i
		}
	}
	since := past[min(at+1, len(past)):]
	if most < 100 || len(since)+1 < steps || float64(now) > (1-j.t.lost/2)*float64(most) {
		return most, false
	}
	down, largest, last := 0, 0, most
	for _, o := range append(slices.Clone(since), Observation{Files: now}) {
		if o.Files < last {
			down++
		}
		if o.Files-last > most/200 {
			return most, false // it gains, too
		}
		largest = max(largest, last-o.Files)
		last = o.Files
	}
	return most, 5*down >= 4*(len(since)+1) && 2*largest < most-now
}
