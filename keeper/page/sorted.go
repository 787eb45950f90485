package page

import (
	"maps"
	"slices"
)

func sorted(m map[string]float64) []string { return slices.Sorted(maps.Keys(m)) }
