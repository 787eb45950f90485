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
				return fmt.Errorf("%w: malformed XML, </%s> within %s", ErrBadListing, s3err.Clip(t.Name.Local), name)
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
				return fmt.Errorf("%w: malformed XML, </%s> within %s", ErrBadListing, s3err.Clip(t.Name.Local), name)
			}
			switch {
			case v.Key == "" || v.VersionID == "":
				return fmt.Errorf("%w: an entry without key or version id (key %q)", ErrBadListing, s3err.Clip(v.Key))
			case !hasLatest || v.LastModified.IsZero() || !marker && !hasSize:
				return fmt.Errorf("%w: the entry of %q version %s is incomplete", ErrBadListing, s3err.Clip(v.Key), s3err.Clip(v.VersionID))
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
				return fmt.Errorf("%w: %s of %q: %v", ErrBadListing, el, s3err.Clip(v.Key), err)
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
				return fmt.Errorf("%w: malformed XML, </%s> within Owner", ErrBadListing, s3err.Clip(t.Name.Local))
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
