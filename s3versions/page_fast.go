package s3versions

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// fastPage reads a page in the plain form that servers send: no comments, no CDATA,
// attributes only on the root element, no character references but the five names of
// XML and legal numbers. It is ten times faster than a general XML parser, which
// matters when many pages arrive at once. It leaves anything else to parsePage (ok is
// false); a fuzz test verifies that both read the same.
func fastPage(data []byte) (p *page, ok bool) {
	if bytes.IndexByte(data, '\r') >= 0 || !utf8.Valid(data) {
		return nil, false
	}
	s := &scanner{rest: data}
	s.rest = bytes.TrimPrefix(s.rest, []byte(`<?xml version="1.0" encoding="UTF-8"?>`))
	if !s.root("ListVersionsResult") {
		return nil, false
	}
	p = &page{}
	sawTruncated := false
	for {
		name, end, ok := s.tag()
		if !ok {
			return nil, false
		}
		if end {
			return p, name == "ListVersionsResult" && sawTruncated && len(bytes.TrimSpace(s.rest)) == 0
		}
		switch name {
		case "Version", "DeleteMarker":
			v, ok := s.entry(name)
			if !ok || len(p.entries) >= maxPageEntries {
				return nil, false
			}
			p.entries = append(p.entries, v)
		case "IsTruncated":
			text, ok := s.text(name)
			if !ok || text != "true" && text != "false" {
				return nil, false
			}
			p.truncated, sawTruncated = text == "true", true
		case "Prefix":
			if p.prefix, ok = s.text(name); !ok {
				return nil, false
			}
		case "NextKeyMarker":
			if p.nextKey, ok = s.text(name); !ok {
				return nil, false
			}
		case "NextVersionIdMarker":
			if p.nextVersion, ok = s.text(name); !ok {
				return nil, false
			}
		default: // only leaves are skipped here
			if _, ok := s.text(name); !ok {
				return nil, false
			}
		}
	}
}

type scanner struct {
	rest  []byte
	owner Owner  // the last one, for its strings
	class string // the same
	when  string // the last LastModified, as text and time
	time  time.Time
}

// root takes the start tag of the document, with whatever attributes.
func (s *scanner) root(name string) bool {
	s.rest = trimSpace(s.rest)
	if !bytes.HasPrefix(s.rest, []byte("<"+name)) {
		return false
	}
	end := bytes.IndexByte(s.rest, '>')
	if end < 0 {
		return false
	}
	attrs := s.rest[1+len(name) : end]
	s.rest = s.rest[end+1:]
	if len(attrs) == 0 {
		return true
	}
	// One namespace, in double quotes.
	return bytes.HasPrefix(attrs, []byte(` xmlns="`)) && bytes.IndexByte(attrs[8:], '"') == len(attrs)-9 && bytes.IndexByte(attrs, '<') < 0 &&
		bytes.IndexByte(attrs, '&') < 0 && legal(attrs)
}

func trimSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == '\n' || b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	return b
}

// tag takes the next start or end tag, without attributes.
func (s *scanner) tag() (name string, end, ok bool) {
	b := trimSpace(s.rest)
	if len(b) < 3 || b[0] != '<' {
		return "", false, false
	}
	b = b[1:]
	if b[0] == '/' {
		end, b = true, b[1:]
	}
	n := 0
	for n < len(b) && (b[n] >= 'a' && b[n] <= 'z' || b[n] >= 'A' && b[n] <= 'Z') {
		n++
	}
	if n == 0 || n >= len(b) || b[n] != '>' {
		return "", false, false
	}
	s.rest = b[n+1:]
	return string(b[:n]), end, true
}

// text takes the text of a leaf and its end tag.
func (s *scanner) text(name string) (string, bool) {
	raw, ok := s.raw(name)
	if !ok {
		return "", false
	}
	return unescape(raw)
}

func (s *scanner) raw(name string) ([]byte, bool) {
	n := bytes.IndexByte(s.rest, '<')
	if n < 0 {
		return nil, false
	}
	raw, b := s.rest[:n], s.rest[n+1:]
	if len(b) < len(name)+2 || b[0] != '/' || string(b[1:1+len(name)]) != name || b[1+len(name)] != '>' {
		return nil, false
	}
	s.rest = b[len(name)+2:]
	return raw, legal(raw)
}

// legal reports whether XML takes these characters as they are.
func legal(b []byte) bool {
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c < 0x20 && c != '\t' && c != '\n' || c == '>' { // "]]>" is not allowed in text
			return false
		}
		if c == 0xEF { // U+FFFE and U+FFFF are near
			if r, _ := utf8.DecodeRune(b[i:]); !xmlRune(r) {
				return false
			}
		}
	}
	return true
}

func unescape(raw []byte) (string, bool) {
	if bytes.IndexByte(raw, '&') < 0 {
		return string(raw), true
	}
	var b strings.Builder
	for len(raw) > 0 {
		if raw[0] != '&' {
			n := bytes.IndexByte(raw, '&')
			if n < 0 {
				n = len(raw)
			}
			b.Write(raw[:n])
			raw = raw[n:]
			continue
		}
		end := bytes.IndexByte(raw[:min(len(raw), 12)], ';')
		if end < 2 {
			return "", false
		}
		switch ref := string(raw[1:end]); ref {
		case "amp":
			b.WriteByte('&')
		case "lt":
			b.WriteByte('<')
		case "gt":
			b.WriteByte('>')
		case "quot":
			b.WriteByte('"')
		case "apos":
			b.WriteByte('\'')
		default:
			var n uint64
			var err error
			if hex, ok := strings.CutPrefix(ref, "#x"); ok {
				n, err = strconv.ParseUint(hex, 16, 32)
			} else if dec, ok := strings.CutPrefix(ref, "#"); ok {
				n, err = strconv.ParseUint(dec, 10, 32)
			} else {
				return "", false
			}
			if err != nil || n > utf8.MaxRune || !xmlRune(rune(n)) {
				return "", false
			}
			b.WriteRune(rune(n))
		}
		raw = raw[end+1:]
	}
	return b.String(), true
}
