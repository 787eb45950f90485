package s3state

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Suspicion is something that no run of restic does.
type Suspicion struct {
	Time      time.Time
	Key       string // "" if it is about many
	VersionID string
	Reason    string
}

// String is for people.
func (s Suspicion) String() string {
	text := fmt.Sprintf("at %s: %s", s.Time.UTC().Format(time.RFC3339), s.Reason)
	if s.Key != "" {
		text += fmt.Sprintf(" (%q version %q)", s.Key, s.VersionID)
	}
	return text
}

// suspicions keeps the earliest when there are too many.
type suspicions struct {
	list  []Suspicion
	total int
}

func (l *suspicions) add(s Suspicion) {
	l.total++
	l.list = append(l.list, s)
	if len(l.list) >= 2*maxListed {
		l.trim()
	}
}

func (l *suspicions) trim() {
	slices.SortStableFunc(l.list, func(a, b Suspicion) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Key, b.Key))
	})
	l.list = l.list[:min(len(l.list), maxListed)]
}

// lastGood is the latest end of a step, or saving of a state (which ends a
// run), before the first suspicion.
func (h *historian) lastGood() {
	r := h.res
	r.LastGood, r.LastGoodState = time.Time{}, nil
	for _, st := range r.Steps {
		if r.before(st.To) && st.To.After(r.LastGood) {
			r.LastGood = st.To
		}
	}
	for i := range r.States {
		st := &r.States[i]
		if r.before(st.Time) && !st.Time.Before(r.LastGood) && (!h.confirmed || st.Verification != nil && st.Verification.Status == Verified) {
			r.LastGood, r.LastGoodState = st.Time, st
		}
	}
}

// before tells the times before anything suspicious.
func (r *History) before(t time.Time) bool {
	return len(r.Suspicions) == 0 || t.Before(r.Suspicions[0].Time)
}
