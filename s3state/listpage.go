package s3state

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/minio/minio-go/v7"
)

// page is one answer to ListObjectVersions.
type page struct {
	entries     []Version
	truncated   bool
	nextKey     string
	nextVersion string
	encoded     bool // keys came percent-encoded (and are decoded in entries)
}

// Bounds of one answer. S3 sends at most 1000 entries; nothing a server may
// send can make the reader hold more than this.
const (
	maxPageEntries = 10_000
	maxPageBytes   = 64 << 20
)

// errNeedsEncoding says that the answer holds a key which XML cannot carry as
// it is, so the page has to be asked for again with encoding-type=url.
var errNeedsEncoding = errors.New("a key cannot be told from plain XML")

// parsePage reads a ListVersionsResult. It knows no element but the ones it
// needs (RGW adds some of its own), but insists on a complete document: a
// listing that ends early must not look like a shorter bucket.
func parsePage(r io.Reader, encoded bool) (*page, error) {
	limited := &io.LimitedReader{R: r, N: maxPageBytes}
	data := pageBuffers.Get().(*bytes.Buffer)
	defer pageBuffers.Put(data)
	data.Reset()
	if _, err := data.ReadFrom(limited); err != nil {
		return nil, err
	}
	if limited.N <= 0 {
		return nil, fmt.Errorf("%w: a page is larger than %d MiB", ErrBadListing, maxPageBytes>>20)
	}
	if !encoded {
		if p, ok := fastPage(data.Bytes()); ok {
			return p, nil
		}
	}
	return parseXML(data.Bytes(), encoded)
}

// pageBuffers hold the text of pages while it is read; a page is some 400 KiB.
var pageBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// parseXML is parsePage for pages of any form.
func parseXML(data []byte, encoded bool) (*page, error) {
	if encoded {
		// Only markers, which are not encoded everywhere, can be illegal now.
		// They are not used then, so replacing characters does no harm.
		data = legalXML(data)
	}
	p := &pageParser{d: xml.NewDecoder(bytes.NewReader(data)), page: page{encoded: encoded}}
	p.d.CharsetReader = func(_ string, input io.Reader) (io.Reader, error) { return input, nil }
	err := p.document()
	if err != nil {
		var se *xml.SyntaxError
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.As(err, &se) && strings.Contains(se.Msg, "unexpected EOF"):
			return nil, fmt.Errorf("%w: %w", errTruncatedReply, io.ErrUnexpectedEOF)
		case errors.As(err, &se):
			if encoded {
				return nil, fmt.Errorf("%w: %v", ErrBadListing, err)
			}
			return nil, errNeedsEncoding
		}
		return nil, err
	}
	if !encoded && bytes.IndexByte(data, '\r') >= 0 {
		// XML turns a bare carriage return into a line feed, so a key with one
		// would come out as another key.
		return nil, errNeedsEncoding
	}
	if encoded {
		if err := p.page.decodeKeys(); err != nil {
			return nil, err
		}
	}
	return &p.page, nil
}

type pageParser struct {
	d    *xml.Decoder
	page page
	// The few owners and storage classes of a page share their strings.
	owner Owner
	class string
}

func (p *pageParser) document() error {
	for {
		tok, err := p.d.RawToken()
		if err != nil {
			return err
		}
		start, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		switch start.Name.Local {
		case "ListVersionsResult", "ListObjectVersionsResult", "ListBucketVersionsResult":
			return p.result(start.Name.Local)
		case "Error":
			return p.errorDocument()
		}
		return fmt.Errorf("%w: the answer is a %q, not a ListVersionsResult", ErrBadListing, clip(start.Name.Local))
	}
}

func (p *pageParser) result(name string) error {
	sawTruncated := false
	for {
		tok, err := p.d.RawToken()
		if err != nil {
			return err
		}
		switch t := tok.(type) {
		case xml.EndElement:
			if t.Name.Local != name {
				return fmt.Errorf("%w: malformed XML, </%s> within %s", ErrBadListing, clip(t.Name.Local), name)
			}
			if !sawTruncated {
				return fmt.Errorf("%w: the answer does not say whether it is the last page", ErrBadListing)
			}
			return nil
		case xml.StartElement:
			switch t.Name.Local {
			case "Version":
				err = p.entry(t.Name.Local, false)
			case "DeleteMarker":
				err = p.entry(t.Name.Local, true)
			case "IsTruncated":
				var text string
				if text, err = p.text(t.Name.Local); err == nil {
					p.page.truncated, err = parseBool(text)
					sawTruncated = true
				}
			case "NextKeyMarker":
				p.page.nextKey, err = p.text(t.Name.Local)
			case "NextVersionIdMarker":
				p.page.nextVersion, err = p.text(t.Name.Local)
			default:
				err = p.skip(t.Name.Local)
			}
			if err != nil {
				return err
			}
		}
	}
}

func (p *pageParser) entry(name string, marker bool) error {
	if len(p.page.entries) >= maxPageEntries {
		return fmt.Errorf("%w: a page has more than %d entries", ErrBadListing, maxPageEntries)
	}
	v := Version{DeleteMarker: marker}
	var hasLatest, hasSize bool
	for {
		tok, err := p.d.RawToken()
		if err != nil {
			return err
		}
		switch t := tok.(type) {
		case xml.EndElement:
			if t.Name.Local != name {
				return fmt.Errorf("%w: malformed XML, </%s> within %s", ErrBadListing, clip(t.Name.Local), name)
			}
			switch {
			case v.Key == "" || v.VersionID == "":
				return fmt.Errorf("%w: an entry without key or version id (key %q)", ErrBadListing, clip(v.Key))
			case !hasLatest || v.LastModified.IsZero() || !marker && !hasSize:
				return fmt.Errorf("%w: the entry of %q version %s is incomplete", ErrBadListing, clip(v.Key), clip(v.VersionID))
			}
			p.page.entries = append(p.page.entries, v)
			return nil
		case xml.StartElement:
			el := t.Name.Local
			if el == "Owner" {
				if err := p.ownerElement(&v); err != nil {
					return err
				}
				continue
			}
			var text string
			switch el {
			case "Key", "VersionId", "IsLatest", "LastModified", "ETag", "Size", "StorageClass":
				text, err = p.text(el)
			default:
				err = p.skip(el)
			}
			if err != nil {
				return err
			}
			switch el {
			case "Key":
				v.Key = text
			case "VersionId":
				v.VersionID = text
			case "IsLatest":
				v.IsLatest, err = parseBool(text)
				hasLatest = true
			case "LastModified":
				v.LastModified, err = time.Parse(time.RFC3339Nano, text)
			case "ETag":
				v.ETag = text
			case "Size":
				v.Size, err = strconv.ParseInt(text, 10, 64)
				hasSize = err == nil && v.Size >= 0
			case "StorageClass":
				if text != p.class {
					p.class = text
				}
				v.StorageClass = p.class
			}
			if err != nil {
				return fmt.Errorf("%w: %s of %q: %v", ErrBadListing, el, clip(v.Key), err)
			}
		}
	}
}

func (p *pageParser) ownerElement(v *Version) error {
	var o Owner
	for {
		tok, err := p.d.RawToken()
		if err != nil {
			return err
		}
		switch t := tok.(type) {
		case xml.EndElement:
			if t.Name.Local != "Owner" {
				return fmt.Errorf("%w: malformed XML, </%s> within Owner", ErrBadListing, clip(t.Name.Local))
			}
			if o != p.owner {
				p.owner = o
			}
			v.Owner = p.owner
			return nil
		case xml.StartElement:
			switch t.Name.Local {
			case "ID":
				o.ID, err = p.text("ID")
			case "DisplayName":
				o.DisplayName, err = p.text("DisplayName")
			default:
				err = p.skip(t.Name.Local)
			}
			if err != nil {
				return err
			}
		}
	}
}

// text reads the character data of a leaf element up to its end.
func (p *pageParser) text(name string) (string, error) {
	var s string
	for {
		tok, err := p.d.RawToken()
		if err != nil {
			return "", err
		}
		switch t := tok.(type) {
		case xml.CharData:
			s += string(t)
		case xml.StartElement:
			return "", fmt.Errorf("%w: %s holds an element", ErrBadListing, name)
		case xml.EndElement:
			if t.Name.Local != name {
				return "", fmt.Errorf("%w: malformed XML, </%s> within %s", ErrBadListing, clip(t.Name.Local), name)
			}
			return s, nil
		}
	}
}

func (p *pageParser) skip(name string) error {
	for depth := 1; depth > 0; {
		tok, err := p.d.RawToken()
		if err != nil {
			return err
		}
		switch tok.(type) {
		case xml.StartElement:
			if depth++; depth > 32 {
				return fmt.Errorf("%w: %s is nested too deeply", ErrBadListing, clip(name))
			}
		case xml.EndElement:
			depth--
		}
	}
	return nil
}

// errorDocument handles the errors that arrive with status 200.
func (p *pageParser) errorDocument() error {
	r := minio.ErrorResponse{StatusCode: 200}
	for {
		tok, err := p.d.RawToken()
		if err != nil {
			return err
		}
		switch t := tok.(type) {
		case xml.EndElement:
			return r
		case xml.StartElement:
			switch t.Name.Local {
			case "Code":
				r.Code, err = p.text("Code")
			case "Message":
				r.Message, err = p.text("Message")
			default:
				err = p.skip(t.Name.Local)
			}
			if err != nil {
				return err
			}
		}
	}
}

// decodeKeys undoes encoding-type=url. Servers differ in how they write a
// space: as + (AWS, where a plus is %2B) or as %20 (where a plus may be bare).
func (p *page) decodeKeys() error {
	percentSpace := slices.ContainsFunc(p.entries, func(v Version) bool { return strings.Contains(v.Key, "%20") })
	decode := url.QueryUnescape
	if percentSpace {
		decode = url.PathUnescape
	}
	for i := range p.entries {
		key, err := decode(p.entries[i].Key)
		if err != nil {
			return fmt.Errorf("%w: key %q is not URL-encoded as was asked for", ErrBadListing, clip(p.entries[i].Key))
		}
		if !utf8.ValidString(key) {
			return fmt.Errorf("%w: key %q is not UTF-8", ErrBadListing, clip(key))
		}
		p.entries[i].Key = key
	}
	return nil
}

func parseBool(s string) (bool, error) {
	switch strings.TrimSpace(s) {
	case "true", "True", "TRUE":
		return true, nil
	case "false", "False", "FALSE":
		return false, nil
	}
	return false, fmt.Errorf("%w: %q is neither true nor false", ErrBadListing, clip(s))
}

// clip keeps what a server or a state wrote short enough for an error text.
func clip(s string) string {
	if len(s) <= 120 {
		return s
	}
	return strings.ToValidUTF8(s[:120], "") + "…"
}
