package signs

import (
	"math"
	"slices"
)

// median of the values; 0 without any.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// mad is the median absolute deviation from the median: a spread that single
// outliers, a big import for instance, do not move.
func mad(values []float64) float64 {
	m := median(values)
	deviations := make([]float64, len(values))
	for i, v := range values {
		deviations[i] = math.Abs(v - m)
	}
	return median(deviations)
}

// unusual reports whether v lies above what the past shows: more than k deviations
// over the median and above everything seen before.
func unusual(past []float64, v, k float64) bool {
	if len(past) == 0 {
		return true
	}
	return v > median(past)+k*mad(past) && v > slices.Max(past)
}

func share(part, whole int) float64 {
	if whole <= 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
