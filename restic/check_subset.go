package restic

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	engrestic "github.com/restic/restic/rwmlink/restic"
)

// ReadSubset selects the packs a check reads. The zero value selects all of them.
type ReadSubset struct {
	kind    subsetKind
	n, t    uint
	percent float64
	size    uint64
	choose  func(ID) bool
}

type subsetKind uint8

const (
	subsetAll subsetKind = iota
	subsetPart
	subsetPercent
	subsetBytes
	subsetFunc
)

// maxSubsetParts is how many parts the first byte of a pack's name can tell apart.
const maxSubsetParts = 256

// SubsetPart selects part n of t, 1 ≤ n ≤ t ≤ 256. The same n and t select the same
// packs each time, so that t checks together read everything.
func SubsetPart(n, t uint) ReadSubset { return ReadSubset{kind: subsetPart, n: n, t: t} }

// SubsetPercent selects p percent of the packs at random, at least one; 0 < p ≤ 100.
func SubsetPercent(p float64) ReadSubset { return ReadSubset{kind: subsetPercent, percent: p} }

// SubsetBytes selects packs at random, about n bytes of them and at least one.
func SubsetBytes(n uint64) ReadSubset { return ReadSubset{kind: subsetBytes, size: n} }

// SubsetFunc selects the packs for which choose returns true. It is called once for
// each pack that the index names.
func SubsetFunc(choose func(ID) bool) ReadSubset { return ReadSubset{kind: subsetFunc, choose: choose} }

// ParseReadSubset reads "n/t", a percentage like "2.5%" or a size like "10G", as
// restic's --read-data-subset takes it.
func ParseReadSubset(s string) (ReadSubset, error) {
	var sub ReadSubset
	if n, t, ok := strings.Cut(s, "/"); ok {
		nn, err1 := strconv.ParseUint(n, 10, 32)
		tt, err2 := strconv.ParseUint(t, 10, 32)
		if err1 != nil || err2 != nil {
			return sub, fmt.Errorf("invalid subset %q: n/t with numbers expected", s)
		}
		sub = SubsetPart(uint(nn), uint(tt))
	} else if p, ok := strings.CutSuffix(s, "%"); ok {
		percent, err := strconv.ParseFloat(p, 64)
		if err != nil {
			return sub, fmt.Errorf("invalid subset %q: %w", s, err)
		}
		sub = SubsetPercent(percent)
	} else {
		n, err := ParseSize(s)
		if err != nil {
			return sub, fmt.Errorf("invalid subset: %w", err)
		}
		sub = SubsetBytes(n)
	}
	return sub, sub.check()
}

func (r ReadSubset) check() error {
	switch r.kind {
	case subsetFunc:
		if r.choose == nil {
			return errors.New("invalid subset: no function is given")
		}
	case subsetPart:
		if r.n < 1 || r.n > r.t || r.t > maxSubsetParts {
			return fmt.Errorf("invalid subset %d/%d: n/t with 1 ≤ n ≤ t ≤ %d expected", r.n, r.t, maxSubsetParts)
		}
	case subsetPercent:
		if !(r.percent > 0 && r.percent <= 100) {
			return fmt.Errorf("invalid subset %v%%: it must be above 0%% and at most 100%%", r.percent)
		}
	case subsetBytes:
		if r.size == 0 {
			return fmt.Errorf("invalid subset: it must be above 0 bytes")
		}
	}
	return nil
}

// selectFrom returns the selected ones of these packs, given with their sizes.
func (r ReadSubset) selectFrom(packs map[engrestic.ID]int64) map[engrestic.ID]int64 {
	percent := r.percent
	switch r.kind {
	case subsetAll:
		return packs
	case subsetPart:
		selected := make(map[engrestic.ID]int64)
		for id, size := range packs {
			if uint(id[0])%r.t == r.n-1 {
				selected[id] = size
			}
		}
		return selected
	case subsetFunc:
		selected := make(map[engrestic.ID]int64)
		for id, size := range packs {
			if r.choose(ID(id)) {
				selected[id] = size
			}
		}
		return selected
	case subsetBytes:
		var total uint64
		for _, size := range packs {
			total += uint64(size)
		}
		percent = 100
		if r.size < total {
			percent = float64(r.size) / float64(total) * 100
		}
	}
	return randomPacks(packs, percent)
}

func randomPacks(packs map[engrestic.ID]int64, percent float64) map[engrestic.ID]int64 {
	ids := make([]engrestic.ID, 0, len(packs))
	for id := range packs {
		ids = append(ids, id)
	}
	// Sorting first: the iteration order of a map is random, but not uniformly so.
	slices.SortFunc(ids, func(a, b engrestic.ID) int { return slices.Compare(a[:], b[:]) })
	rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	n := min(len(ids), max(1, int(float64(len(ids))*percent/100)))
	selected := make(map[engrestic.ID]int64, n)
	for _, id := range ids[:n] {
		selected[id] = packs[id]
	}
	return selected
}
