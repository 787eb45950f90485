package s3tool

import (
	"fmt"
	"strings"
)

const scheme = "s3://"

// Location is a bucket, an object or, when it ends with a slash or is meant so, all
// objects whose key begins with Key.
type Location struct {
	Bucket string
	Key    string
	// VersionID names one version of the object; "" is the current one.
	VersionID string
}

// ParseLocation reads "s3://BUCKET", "s3://BUCKET/KEY" and the same without "s3://".
// The key is taken literally. Slashes at its end are kept.
func ParseLocation(text string) (Location, error) {
	rest := strings.TrimPrefix(text, scheme)
	bucket, key, _ := strings.Cut(rest, "/")
	if bucket == "" {
		return Location{}, fmt.Errorf("%w: %q names no bucket: write s3://BUCKET or s3://BUCKET/KEY", ErrInvalid, text)
	}
	if strings.Contains(bucket, ":") {
		return Location{}, fmt.Errorf("%w: %q is not s3://BUCKET/KEY", ErrInvalid, text)
	}
	return Location{Bucket: bucket, Key: key}, nil
}

// IsLocation tells whether an argument that may also be a local path begins with
// "s3://".
func IsLocation(text string) bool { return strings.HasPrefix(text, scheme) }

func (l Location) String() string {
	s := scheme + l.Bucket
	if l.Key != "" {
		s += "/" + l.Key
	}
	if l.VersionID != "" {
		s += " version " + l.VersionID
	}
	return s
}

// object refuses a location that is not one object.
func (l Location) object() error {
	if l.Key == "" || strings.HasSuffix(l.Key, "/") && l.VersionID == "" {
		return fmt.Errorf("%w: %s is not an object: name one, or ask for it recursively", ErrInvalid, l)
	}
	return nil
}

// join appends a name to the key as to a directory.
func (l Location) join(name string) Location {
	if l.Key != "" && !strings.HasSuffix(l.Key, "/") {
		l.Key += "/"
	}
	l.Key += name
	return l
}

// isDir tells whether the location says itself that it holds objects, not is one.
func (l Location) isDir() bool { return l.Key == "" || strings.HasSuffix(l.Key, "/") }
