package s3state

import (
	"cmp"
	"slices"
)

// recent keeps the newest of the versions that could be read.
type recent struct {
	all   []Version
	total int // including those dropped
	every bool
}

func (r *recent) add(v *Version) {
	r.total++
	r.all = append(r.all, *v)
	if !r.every && len(r.all) >= 2*readMost {
		r.trim()
	}
}

// trim drops the oldest beyond what is read.
func (r *recent) trim() {
	slices.SortStableFunc(r.all, func(a, b Version) int {
		return cmp.Or(b.LastModified.Compare(a.LastModified), cmp.Compare(a.Key, b.Key))
	})
	if r.every {
		return
	}
	r.all = r.all[:min(len(r.all), readMost)]
	var size int64
	for i := range r.all {
		if size += r.all[i].Size; size > readMostOf {
			r.all = r.all[:i]
			break
		}
	}
}
