package main

import "github.com/cesnet/rwm/internal/plural"

// count is a number of things in English: "1 object", "2 objects", "2 indexes".
func count[N ~int | ~int64 | ~uint | ~uint64](n N, thing string) string {
	return plural.Of(n, thing)
}
