package s3state

import (
	"cmp"
	"slices"
)

// span is a span of time, in Unix milliseconds.
type span struct{ from, to int64 }

// union widens spans by slack on both sides and merges those that overlap.
func union(spans []span, slack int64) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var all []span
	for _, s := range spans {
		s.from, s.to = s.from-slack, s.to+slack
		if n := len(all); n > 0 && s.from <= all[n-1].to {
			all[n-1].to = max(all[n-1].to, s.to)
			continue
		}
		all = append(all, s)
	}
	return all
}

// last returns the index of the last of the sorted spans that begins no later than at,
// or -1.
func last(spans []span, at int64) int {
	i, found := slices.BinarySearchFunc(spans, at, func(of span, at int64) int { return cmp.Compare(of.from, at) })
	if !found {
		i--
	}
	return i
}

// within reports whether one of the spans, sorted and disjoint, covers s.
func within(spans []span, s span) bool {
	i := last(spans, s.from)
	return i >= 0 && s.to <= spans[i].to
}

// meets reports whether one of them overlaps s.
func meets(spans []span, s span) bool {
	i := last(spans, s.to)
	return i >= 0 && s.from <= spans[i].to
}
