package s3state

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"time"
	"unique"
)

// heldMark is a Suspicion as it is held until the history ends. An attacker makes as
// many as there are versions to overwrite. Which of them are shown, and which settled,
// depends on the moment that is proved last and on what is read, and what is read clears
// marks by key and version: until then each has to be held. Their reasons are few and
// shared. There is no setting: those marks go straight into the result.
type heldMark struct {
	at           time.Time
	key, version string
	reason       unique.Handle[string]
	n            uint32 // how many marks this stands for
	span         uint16 // the last of them is so many milliseconds after at, at most
	kind         markKind
}

func (m *heldMark) last() time.Time { return m.at.Add(time.Duration(m.span) * time.Millisecond) }

func (m *heldMark) shown(standing Standing) Suspicion {
	s := Suspicion{Time: m.at, Key: m.key, VersionID: m.version, Reason: m.reason.Value(), Standing: standing, kind: m.kind}
	if m.n > 1 {
		s.Reason = fmt.Sprintf("%s, %d times within a minute", s.Reason, m.n)
	}
	return s
}

// suspicions holds marks. If there are too many, those of one minute are summed up:
// then their names are lost, but neither their number nor when the first of them was.
// What counts can so not be hidden behind any number of marks that are settled.
type suspicions struct {
	list   []heldMark
	summed map[summedBy]*heldMark
	total  int
	sorted bool
	// reviewed is until when marks were looked at: those lose their names first.
	reviewed time.Time
	most     int // held with their names; 0 for mostMarks
}

// summedBy is what marks have in common that are summed up.
type summedBy struct {
	minute int64
	reason unique.Handle[string]
	kind   markKind
}

// mostMarks bounds how many marks are held with their names; maxListed are in the
// result.
const mostMarks = 50_000

func (l *suspicions) bound() int { return cmp.Or(l.most, mostMarks) }

func (l *suspicions) add(s Suspicion) {
	l.total++
	l.sorted = false
	l.list = append(l.list, heldMark{at: s.Time, key: s.Key, version: s.VersionID, reason: unique.Make(s.Reason), n: 1, kind: s.kind})
	if len(l.list) >= 2*l.bound() {
		l.trim()
	}
}

func earlier(a, b *heldMark) int {
	return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.key, b.key))
}

func (l *suspicions) sort() {
	if !l.sorted {
		slices.SortStableFunc(l.list, func(a, b heldMark) int { return earlier(&a, &b) })
		l.sorted = true
	}
}

// trim sums up those that a person has looked at, and then the latest.
func (l *suspicions) trim() {
	l.sort()
	over := max(len(l.list)-l.bound(), 0)
	reviewed, _ := slices.BinarySearchFunc(l.list, l.reviewed, func(m heldMark, t time.Time) int {
		if m.at.After(t) {
			return 1
		}
		return -1
	})
	reviewed = min(reviewed, over)
	for i := range reviewed {
		l.sum(&l.list[i])
	}
	latest := len(l.list) - (over - reviewed)
	for i := latest; i < len(l.list); i++ {
		l.sum(&l.list[i])
	}
	n := copy(l.list, l.list[reviewed:latest])
	clear(l.list[n:]) // so that their strings go
	l.list = l.list[:n]
}

func (l *suspicions) sum(m *heldMark) {
	by := summedBy{m.at.Unix() / 60, m.reason, m.kind}
	s := l.summed[by]
	if s == nil {
		if l.summed == nil {
			l.summed = make(map[summedBy]*heldMark)
		}
		l.summed[by] = &heldMark{at: m.at, reason: m.reason, n: 1, kind: m.kind}
		return
	}
	first, last := s.at, later(s.last(), m.at)
	if m.at.Before(first) {
		first = m.at
	}
	const unit = time.Millisecond
	s.at, s.span, s.n = first, uint16((last.Sub(first)+unit-1)/unit), s.n+1
}

// remove takes back the marks on versions, by their keepIDs. One that was summed up
// stays.
func (l *suspicions) remove(versions map[[16]byte]struct{}) {
	if len(versions) == 0 {
		return
	}
	n := len(l.list)
	l.list = slices.DeleteFunc(l.list, func(m heldMark) bool {
		_, ok := versions[keepID(m.key, m.version)]
		return ok
	})
	l.total -= n - len(l.list)
}

// with iterates over these marks and some more in the order of time. It does not copy
// those that are held with their names.
func (l *suspicions) with(more []Suspicion) iter.Seq[*heldMark] {
	l.sort()
	var rest suspicions
	for _, s := range more {
		rest.add(s)
	}
	for _, s := range l.summed {
		rest.list = append(rest.list, *s)
	}
	rest.sorted = false
	rest.sort()
	return func(yield func(*heldMark) bool) {
		i, j := 0, 0
		for i < len(l.list) || j < len(rest.list) {
			var m *heldMark
			if j == len(rest.list) || i < len(l.list) && earlier(&l.list[i], &rest.list[j]) <= 0 {
				m = &l.list[i]
				i++
			} else {
				m = &rest.list[j]
				j++
			}
			if !yield(m) {
				return
			}
		}
	}
}

// notes collects marks that do not count, the earliest first.
type notes struct {
	reviewed, others []Suspicion
	total            int
}

func (l *notes) add(m *heldMark, standing Standing) {
	l.total += int(m.n)
	to := &l.others
	if standing == Reviewed {
		to = &l.reviewed
	}
	if len(*to) < maxListed {
		*to = append(*to, m.shown(standing))
	}
}

// with is those of both to be shown, in the order of time. What nobody has looked at
// comes before what was reviewed, if there are too many.
func (l *notes) with(more *notes) []Suspicion {
	byTime := func(a, b Suspicion) int { return a.Time.Compare(b.Time) }
	others := slices.Concat(l.others, more.others)
	slices.SortStableFunc(others, byTime)
	reviewed := slices.Concat(l.reviewed, more.reviewed)
	slices.SortStableFunc(reviewed, byTime)
	all := append(others, reviewed...)
	all = slices.Clip(all[:min(len(all), maxListed)])
	slices.SortStableFunc(all, byTime)
	return all
}
