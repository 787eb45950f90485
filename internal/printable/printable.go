// Package printable makes text from a bucket or a backup fit to be shown.
package printable

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text makes text fit for a terminal, a message and JSON: what is longer than most
// bytes is cut, and what moves a cursor or turns text around is escaped.
func Text(text string, most int) string {
	text = Cut(text, most)
	if utf8.ValidString(text) && strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return text
	}
	quoted := strconv.QuoteToGraphic(text)
	return quoted[1 : len(quoted)-1]
}

// Cut shortens text to a number of bytes, not within a character.
func Cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}
