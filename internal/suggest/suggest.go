// Package suggest finds the name that was probably meant.
package suggest

import (
	"fmt"
	"slices"
	"strings"
)

// DidYouMean returns "; did you mean …?" if one of the names is close to what
// was written, otherwise the list of names.
func DidYouMean(written string, names []string) string {
	if best, ok := Nearest(written, names); ok {
		return fmt.Sprintf("; did you mean %s?", best)
	}
	if len(names) == 0 {
		return ""
	}
	return "; there is " + strings.Join(names, ", ")
}

// Nearest returns the name with the smallest edit distance to written, if that
// is small enough to be a slip of the fingers.
func Nearest(written string, names []string) (string, bool) {
	normal := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }
	best, distance := "", max(2, len(written)/3)+1
	for _, name := range names {
		if d := editDistance(normal(written), normal(name)); d < distance {
			best, distance = name, d
		}
	}
	return best, best != ""
}

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbours that make b of a.
func editDistance(a, b string) int {
	if len(a) > 100 || len(b) > 100 {
		return 100
	}
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := append([]int{i + 1}, make([]int, len(b))...)
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(row[j+1]+1, next[j]+1, row[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = slices.Clone(row), next
	}
	return row[len(b)]
}
