package s3versions

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/minio/minio-go/v7"
)

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
		return fmt.Errorf("%w: the answer is a %q, not a ListVersionsResult", ErrBadListing, s3err.Clip(start.Name.Local))
	}
}

// children calls child for each element within the one called name, up to its end.
// child reads the element whole.
func (p *pageParser) children(name string, child func(name string) error) error {
	for {
		tok, err := p.d.RawToken()
		if err != nil {
			return err
		}
		switch t := tok.(type) {
		case xml.EndElement:
			if t.Name.Local != name {
				return fmt.Errorf("%w: malformed XML, </%s> within %s", ErrBadListing, s3err.Clip(t.Name.Local), name)
			}
			return nil
		case xml.StartElement:
			if err := child(t.Name.Local); err != nil {
				return err
			}
		}
	}
}

func (p *pageParser) result(name string) error {
	sawTruncated := false
	err := p.children(name, func(el string) (err error) {
		switch el {
		case "Version":
			return p.entry(el, false)
		case "DeleteMarker":
			return p.entry(el, true)
		case "IsTruncated":
			var text string
			if text, err = p.text(el); err == nil {
				p.page.truncated, err = parseBool(text)
				sawTruncated = true
			}
		case "Prefix":
			p.page.prefix, err = p.text(el)
		case "NextKeyMarker":
			p.page.nextKey, err = p.text(el)
		case "NextVersionIdMarker":
			p.page.nextVersion, err = p.text(el)
		default:
			return p.skip(el)
		}
		return err
	})
	if err == nil && !sawTruncated {
		err = fmt.Errorf("%w: the answer does not say whether it is the last page", ErrBadListing)
	}
	return err
}

func (p *pageParser) entry(name string, marker bool) error {
	if len(p.page.entries) >= maxPageEntries {
		return fmt.Errorf("%w: a page has more than %d entries", ErrBadListing, maxPageEntries)
	}
	v := Version{DeleteMarker: marker}
	var hasLatest, hasSize bool
	err := p.children(name, func(el string) error {
		switch el {
		case "Owner":
			return p.ownerElement(&v)
		case "Key", "VersionId", "IsLatest", "LastModified", "ETag", "Size", "StorageClass":
		default:
			return p.skip(el)
		}
		text, err := p.text(el)
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
			return fmt.Errorf("%w: %s of %q: %v", ErrBadListing, el, s3err.Clip(v.Key), err)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case v.Key == "" || v.VersionID == "":
		return fmt.Errorf("%w: an entry without key or version id (key %q)", ErrBadListing, s3err.Clip(v.Key))
	case !hasLatest || v.LastModified.IsZero() || !marker && !hasSize:
		return fmt.Errorf("%w: the entry of %q version %s is incomplete", ErrBadListing, s3err.Clip(v.Key), s3err.Clip(v.VersionID))
	}
	p.page.entries = append(p.page.entries, v)
	return nil
}

func (p *pageParser) ownerElement(v *Version) error {
	var o Owner
	err := p.children("Owner", func(el string) (err error) {
		switch el {
		case "ID":
			o.ID, err = p.text(el)
		case "DisplayName":
			o.DisplayName, err = p.text(el)
		default:
			err = p.skip(el)
		}
		return err
	})
	if err != nil {
		return err
	}
	if o != p.owner {
		p.owner = o
	}
	v.Owner = p.owner
	return nil
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
				return "", fmt.Errorf("%w: malformed XML, </%s> within %s", ErrBadListing, s3err.Clip(t.Name.Local), name)
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
				return fmt.Errorf("%w: %s is nested too deeply", ErrBadListing, s3err.Clip(name))
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
	err := p.children("Error", func(el string) (err error) {
		switch el {
		case "Code":
			r.Code, err = p.text(el)
		case "Message":
			r.Message, err = p.text(el)
		default:
			err = p.skip(el)
		}
		return err
	})
	if err != nil {
		return err
	}
	return r
}
