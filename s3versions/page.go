package s3versions

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/cesnet/rwm/internal/s3err"
)

// page is one answer to ListObjectVersions.
type page struct {
	entries     []Version
	prefix      string // that of the request, as the server repeats it
	truncated   bool
	nextKey     string
	nextVersion string
	encoded     bool // keys came percent-encoded (and are decoded in entries)
}

// Bounds of one answer. S3 sends at most 1000 entries; no answer makes the reader hold
// more than this.
const (
	maxPageEntries = 10_000
	maxPageBytes   = 64 << 20
)

// errNeedsEncoding means that the answer holds a key that XML cannot carry as it is, so
// the page has to be requested again with encoding-type=url.
var errNeedsEncoding = errors.New("a key cannot be told from plain XML")

// parsePage reads a ListVersionsResult. It ignores elements it does not need (RGW adds
// some), but insists on a complete document: a listing that ends early must not look
// like a smaller bucket.
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
			return nil, fmt.Errorf("%w: %w", ErrTruncated, io.ErrUnexpectedEOF)
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

// decodeKeys undoes encoding-type=url.
func (p *page) decodeKeys() error {
	keys := make([]*string, len(p.entries))
	for i := range p.entries {
		keys[i] = &p.entries[i].Key
	}
	if err := decodeKeys(keys); err != nil {
		return err
	}
	for _, key := range keys {
		if !utf8.ValidString(*key) {
			return fmt.Errorf("%w: key %q is not UTF-8", ErrBadListing, s3err.Clip(*key))
		}
	}
	return nil
}

// decodeKeys undoes encoding-type=url for the keys of one answer. Servers differ in how
// they write a space: as + (AWS, where a plus is %2B) or as %20 (where a plus may be
// bare).
func decodeKeys(keys []*string) error {
	decode := url.QueryUnescape
	if slices.ContainsFunc(keys, func(key *string) bool { return strings.Contains(*key, "%20") }) {
		decode = url.PathUnescape
	}
	for _, key := range keys {
		plain, err := decode(*key)
		if err != nil {
			return fmt.Errorf("%w: key %q is not URL-encoded as was asked for", ErrBadListing, s3err.Clip(*key))
		}
		*key = plain
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
	return false, fmt.Errorf("%w: %q is neither true nor false", ErrBadListing, s3err.Clip(s))
}
