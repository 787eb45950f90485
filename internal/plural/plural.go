// Package plural counts things in English.
package plural

import (
	"fmt"
	"strings"
)

// Of is a number of things: "1 object", "2 objects", "2 indexes", "2 directories",
// "1 old version", "3 passes". The last word becomes the plural.
func Of[N ~int | ~int64 | ~uint | ~uint64](n N, thing string) string {
	if n != 1 {
		thing = many(thing)
	}
	return fmt.Sprintf("%d %s", n, thing)
}

func many(thing string) string {
	switch stem, y := strings.CutSuffix(thing, "y"); {
	case y && !strings.HasSuffix(thing, "ay") && !strings.HasSuffix(thing, "ey"):
		return stem + "ies"
	case strings.HasSuffix(thing, "x"), strings.HasSuffix(thing, "s"):
		return thing + "es"
	}
	return thing + "s"
}

// Are is the verb for a number of things.
func Are[N ~int | ~int64 | ~uint | ~uint64](n N) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// Were is that of the past.
func Were[N ~int | ~int64 | ~uint | ~uint64](n N) string {
	if n == 1 {
		return "was"
	}
	return "were"
}
