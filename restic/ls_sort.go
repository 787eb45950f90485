package restic

import (
	"cmp"
	"fmt"
	"path"
	"slices"
)

// SortBy is the order of a listing. Nodes that are equal in it are ordered by path.
type SortBy int

// The orders of a listing.
const (
	SortByPath SortBy = iota
	SortBySize
	SortByModTime
	SortByAccessTime
	SortByChangeTime
	SortByExtension
)

var sortNames = []string{"name", "size", "mtime", "atime", "ctime", "extension"}

// ParseSortBy reads name, size, mtime (or time), atime, ctime or extension.
func ParseSortBy(s string) (SortBy, error) {
	if s == "time" {
		return SortByModTime, nil
	}
	if i := slices.Index(sortNames, s); i >= 0 {
		return SortBy(i), nil
	}
	return 0, fmt.Errorf("invalid order %q: name, size, time, mtime, atime, ctime or extension expected", s)
}

// String returns the name that ParseSortBy reads.
func (by SortBy) String() string {
	if by.check() != nil {
		return fmt.Sprintf("SortBy(%d)", int(by))
	}
	return sortNames[by]
}

func (by SortBy) check() error {
	if by < 0 || int(by) >= len(sortNames) {
		return fmt.Errorf("ls: unknown order %d", int(by))
	}
	return nil
}

func (by SortBy) sort(nodes []Node, reverse bool) {
	slices.SortStableFunc(nodes, func(a, b Node) int {
		var order int
		switch by {
		case SortByPath:
			return 0 // as they came
		case SortBySize:
			order = cmp.Compare(a.Size, b.Size)
		case SortByModTime:
			order = a.ModTime.Compare(b.ModTime)
		case SortByAccessTime:
			order = a.AccessTime.Compare(b.AccessTime)
		case SortByChangeTime:
			order = a.ChangeTime.Compare(b.ChangeTime)
		case SortByExtension:
			order = cmp.Compare(path.Ext(a.Path), path.Ext(b.Path))
		}
		return cmp.Or(order, cmp.Compare(a.Path, b.Path))
	})
	if reverse {
		slices.Reverse(nodes)
	}
}
