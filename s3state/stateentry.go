package s3state

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

type entryJSON struct {
	ETag         string
	Size         *int64
	StorageClass string
	Key          string
	VersionID    string `json:"VersionId"`
	IsLatest     *bool
	LastModified string
	Owner        Owner
}

// maxETag bounds what a forged state makes a reader hold for each object.
const maxETag = 256

func (sr *StateReader) entry() (Version, error) {
	var e entryJSON
	if err := sr.decode(&e); err != nil {
		return Version{}, err
	}
	v := Version{
		Key: e.Key, VersionID: e.VersionID, DeleteMarker: sr.markers,
		ETag: e.ETag, StorageClass: e.StorageClass, Owner: e.Owner,
	}
	switch {
	case e.Key == "" || len(e.Key) > 1024 || !utf8.ValidString(e.Key):
		return Version{}, fmt.Errorf("%w: it has an entry with key %q", ErrBadState, clip(e.Key))
	case e.VersionID == "" || len(e.VersionID) > 1024:
		return Version{}, fmt.Errorf("%w: key %q has version id %q", ErrBadState, clip(e.Key), clip(e.VersionID))
	case len(e.ETag) > maxETag:
		return Version{}, fmt.Errorf("%w: key %q version %s has an ETag of %d bytes", ErrBadState, clip(e.Key), clip(e.VersionID), len(e.ETag))
	case e.IsLatest == nil:
		return Version{}, fmt.Errorf("%w: key %q version %s does not say whether it is the latest", ErrBadState, clip(e.Key), clip(e.VersionID))
	case !sr.markers && (e.Size == nil || *e.Size < 0):
		return Version{}, fmt.Errorf("%w: key %q version %s has no valid size", ErrBadState, clip(e.Key), clip(e.VersionID))
	}
	v.IsLatest = *e.IsLatest
	if !sr.markers {
		v.Size = *e.Size
	}
	var err error
	if v.LastModified, err = parseStateTime(e.LastModified); err != nil {
		return Version{}, fmt.Errorf("%w: key %q version %s: LastModified is no time: %q", ErrBadState, clip(e.Key), clip(e.VersionID), clip(e.LastModified))
	}
	return v, nil
}

// end checks that nothing is missing and nothing follows.
func (sr *StateReader) end() error {
	for _, name := range []string{"bucket_name", "versions", "delete_markers"} {
		if !sr.seen[name] {
			return fmt.Errorf("%w: it has no %s", ErrBadState, name)
		}
	}
	if sr.header.BucketName == "" {
		return fmt.Errorf("%w: it names no bucket", ErrBadState)
	}
	for {
		// Reading to the end also has the gzip checksum verified.
		switch t, err := sr.token(); {
		case err == io.EOF:
			sr.seen["\x00end"] = true
			return io.EOF
		case err != nil:
			return err
		default:
			return fmt.Errorf("%w: data follows after its end: %q", ErrBadState, clip(fmt.Sprint(t)))
		}
	}
}

// parseStateTime reads the forms of ISO-8601 that Python's isoformat and str
// and Go's RFC 3339 give. Without an offset it is local time.
func parseStateTime(text string) (time.Time, error) {
	text = strings.Replace(text, " ", "T", 1)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.ParseInLocation("2006-01-02T15:04:05.999999999", text, time.Local)
}

// budgetReader limits how much the JSON decoder may read for one field.
type budgetReader struct {
	r    io.Reader
	left int
	err  error
}

func (b *budgetReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		b.err = fmt.Errorf("%w: one of its fields is larger than %d KiB", ErrBadState, maxField>>10)
		return 0, b.err
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	if err != nil {
		b.err = err
	}
	return n, err
}
