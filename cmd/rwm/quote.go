package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shellQuote writes a word so that a POSIX shell takes it as it is: object keys
// are chosen by the writers of the bucket.
func shellQuote(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	if strings.IndexFunc(word, func(r rune) bool { return r == utf8.RuneError || !strconv.IsPrint(r) }) >= 0 {
		return "$'" + escapedWord(word) + "'"
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// escapedWord is for $'…', which bash, zsh and POSIX of 2024 know: what cannot be seen,
// an end of line for instance, would otherwise look like a line of the program's own.
func escapedWord(word string) string {
	var b strings.Builder
	for i := 0; i < len(word); {
		r, n := utf8.DecodeRuneInString(word[i:])
		switch {
		case r == '\'' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r != utf8.RuneError && strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			for _, c := range []byte(word[i : i+n]) {
				fmt.Fprintf(&b, `\%03o`, c)
			}
		}
		i += n
	}
	return b.String()
}
