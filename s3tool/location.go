package s3tool

import (
	"fmt"
	"strings"

	"github.com/cesnet/rwm/s3versions"
)

const scheme = "s3://"

// Location is a bucket, an object or, for recursive operations, all objects whose key
// begins with Key.
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
	if err := s3versions.CheckBucketName(bucket); err != nil {
		return Location{}, err
	}
	return Location{Bucket: bucket, Key: key}, nil
}

// IsLocation reports whether an argument that may also be a local path begins with
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
	for segment := range strings.SplitSeq(l.Key, "/") {
		if segment == "." || segment == ".." {
			// A proxy or a server that resolves it would change something else.
			return fmt.Errorf("%w: %s: a name with %q in it is resolved on the way to another place; only removing recursively reaches it", ErrInvalid, l, segment)
		}
	}
	return nil
}

// below is the location of everything in it as in a directory: "dir" stands for "dir/",
// never for "dir2".
func (l Location) below() Location {
	if l.Key != "" && !strings.HasSuffix(l.Key, "/") {
		l.Key += "/"
	}
	return l
}

// join appends a name to the key as to a directory.
func (l Location) join(name string) Location {
	if l.Key != "" && !strings.HasSuffix(l.Key, "/") {
		l.Key += "/"
	}
	l.Key += name
	return l
}

// isDir reports whether the location names a place for objects, not an object.
func (l Location) isDir() bool { return l.Key == "" || strings.HasSuffix(l.Key, "/") }
