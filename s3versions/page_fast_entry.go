package s3versions

import (
	"bytes"
	"strconv"
	"time"
)

func (s *scanner) entry(kind string) (v Version, ok bool) {
	v.DeleteMarker = kind == "DeleteMarker"
	var hasLatest, hasSize, hasTime bool
	for {
		name, end, ok := s.tag()
		if !ok {
			return v, false
		}
		if end {
			return v, name == kind && v.Key != "" && v.VersionID != "" && hasLatest && hasTime && (hasSize || v.DeleteMarker)
		}
		switch name {
		case "Owner":
			if v.Owner, ok = s.readOwner(); !ok {
				return v, false
			}
			continue
		case "Key":
			v.Key, ok = s.text(name)
		case "VersionId":
			v.VersionID, ok = s.text(name)
		case "ETag":
			v.ETag, ok = s.text(name)
		case "StorageClass":
			v.StorageClass, ok = s.shared(name, &s.class)
		case "IsLatest":
			var text []byte
			text, ok = s.raw(name)
			v.IsLatest, hasLatest = string(text) == "true", true
			ok = ok && (v.IsLatest || string(text) == "false")
		case "Size":
			var text []byte
			text, ok = s.raw(name)
			n, err := strconv.ParseInt(string(text), 10, 64)
			v.Size, hasSize = n, true
			ok = ok && err == nil && n >= 0
		case "LastModified":
			v.LastModified, ok = s.modified(name)
			hasTime = ok && !v.LastModified.IsZero()
		default:
			_, ok = s.text(name)
		}
		if !ok {
			return v, false
		}
	}
}

// shared returns last instead of a new string if the text is the same.
func (s *scanner) shared(name string, last *string) (string, bool) {
	raw, ok := s.raw(name)
	if !ok {
		return "", false
	}
	if string(raw) == *last {
		return *last, true
	}
	text, ok := unescape(raw)
	if ok && bytes.IndexByte(raw, '&') < 0 {
		*last = text
	}
	return text, ok
}

func (s *scanner) modified(name string) (time.Time, bool) {
	raw, ok := s.raw(name)
	if !ok {
		return time.Time{}, false
	}
	if string(raw) == s.when {
		return s.time, true
	}
	s.when = string(raw)
	t, err := time.Parse(time.RFC3339Nano, s.when)
	s.time = t
	return t, err == nil
}

func (s *scanner) readOwner() (o Owner, ok bool) {
	for {
		name, end, ok := s.tag()
		if !ok {
			return o, false
		}
		if end {
			return o, name == "Owner"
		}
		switch name {
		case "ID":
			o.ID, ok = s.shared(name, &s.owner.ID)
		case "DisplayName":
			o.DisplayName, ok = s.shared(name, &s.owner.DisplayName)
		default:
			_, ok = s.text(name)
		}
		if !ok {
			return o, false
		}
	}
}
