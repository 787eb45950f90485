package main

import "github.com/dustin/go-humanize/english"

// count is a number of things in English: "1 object", "2 objects", "2 indexes".
func count[N ~int | ~int64 | ~uint | ~uint64](n N, thing string) string {
	plural := ""
	if thing == "index" {
		plural = "indexes"
	}
	return english.Plural(int(n), thing, plural)
}
