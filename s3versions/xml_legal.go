package s3versions

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// xmlRune reports whether XML 1.0 can hold a character at all
// (https://www.w3.org/TR/xml/#charsets).
func xmlRune(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}

// xmlSafe reports whether a key survives being written into XML and read back.
func xmlSafe(key string) bool {
	for i, r := range key {
		if r == '\r' || !xmlRune(r) {
			return false
		}
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(key[i:]); size <= 1 {
				return false
			}
		}
	}
	return true
}

// legalXML replaces characters and character references that XML does not
// allow by question marks.
func legalXML(data []byte) []byte {
	out := make([]byte, 0, len(data))
	for len(data) > 0 {
		if data[0] == '&' && len(data) > 2 && data[1] == '#' {
			if end := bytes.IndexByte(data[:min(len(data), 12)], ';'); end > 2 {
				num, base := string(data[2:end]), 10
				if num[0] == 'x' || num[0] == 'X' {
					num, base = num[1:], 16
				}
				n, err := strconv.ParseInt(num, base, 32)
				if err != nil || !xmlRune(rune(n)) {
					out = append(out, '?')
				} else {
					out = append(out, data[:end+1]...)
				}
				data = data[end+1:]
				continue
			}
		}
		r, size := utf8.DecodeRune(data)
		if r == utf8.RuneError && size <= 1 || !xmlRune(r) {
			out = append(out, '?')
		} else {
			out = append(out, data[:size]...)
		}
		data = data[size:]
	}
	return out
}
