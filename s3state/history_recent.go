package s3state

import (
	"cmp"
	"math"
	"slices"
)

// recent keeps the newest of the versions that could be read, of each kind by itself:
// an attacker who writes many or large ones of one kind keeps none of another from
// being read.
type recent struct {
	all   []Version
	held  [readKinds]int // of them
	total int            // including those dropped
	every bool
	most  int // of each kind; 0 for readMost
}

func (r *recent) add(v *Version) {
	r.total++
	r.all = append(r.all, *v)
	k := readKind(v)
	if r.held[k]++; !r.every && r.held[k] >= 2*cmp.Or(r.most, readMost) {
		r.trim()
	}
}

// reads sets, before anything is taken, how many candidates for reading are kept.
func (h *timeline) reads(all bool, most int) {
	h.unread.every, h.unread.most = all, most
	h.overwrote.every, h.overwrote.most = all, most
}

const readKinds = 4

// readKind is one of readKinds.
func readKind(v *Version) int {
	switch TypeOf(v.Key) {
	case TypeSnapshot:
		return 0
	case TypeKey:
		return 1
	case TypeIndex:
		return 2
	}
	return 3
}

// trim drops the oldest beyond what is read, and of the newest the largest. An attacker
// who writes a few very large ones does not keep the others from being read.
func (r *recent) trim() {
	slices.SortStableFunc(r.all, func(a, b Version) int {
		return cmp.Or(b.LastModified.Compare(a.LastModified), cmp.Compare(a.Key, b.Key))
	})
	if r.every {
		return
	}
	var sizes [readKinds][]int64
	r.all = slices.DeleteFunc(r.all, func(v Version) bool {
		k := readKind(&v)
		if len(sizes[k]) == cmp.Or(r.most, readMost) {
			return true
		}
		sizes[k] = append(sizes[k], v.Size)
		return false
	})
	// What is smaller than largest fits; of those as large the newest do, within left.
	var largest, left [readKinds]int64
	for k, list := range sizes {
		slices.Sort(list)
		largest[k], left[k] = math.MaxInt64, readMostOf
		var smaller int64 // together
		for i, size := range list {
			if i > 0 && size > list[i-1] {
				left[k] = readMostOf - smaller
			}
			if smaller += size; smaller > readMostOf {
				largest[k] = size
				break
			}
		}
		r.held[k] = 0
	}
	r.all = slices.DeleteFunc(r.all, func(v Version) bool {
		k := readKind(&v)
		if v.Size == largest[k] {
			left[k] -= v.Size
		}
		if v.Size > largest[k] || left[k] < 0 && v.Size == largest[k] {
			return true
		}
		r.held[k]++
		return false
	})
}
