package signs

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// mostShown is how many bytes of a name are kept.
const mostShown = 300

// printable makes a name from a backup fit for a terminal, a message and JSON: what
// moves a cursor or turns text around is escaped, and what is too long cut.
func printable(name string) string {
	name = cut(name, mostShown)
	if utf8.ValidString(name) && strings.IndexFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return name
	}
	quoted := strconv.QuoteToGraphic(name)
	return quoted[1 : len(quoted)-1]
}

// cut shortens text to a number of bytes, not within a character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}
