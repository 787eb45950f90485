package s3state

import (
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/cesnet/rwm/internal/s3err"
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

// maxETag bounds what a reader holds for each object of a forged state.
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
		return Version{}, fmt.Errorf("%w: it has an entry with key %q", ErrBadState, s3err.Clip(e.Key))
	case e.VersionID == "" || len(e.VersionID) > 1024:
		return Version{}, fmt.Errorf("%w: key %q has version id %q", ErrBadState, s3err.Clip(e.Key), s3err.Clip(e.VersionID))
	case len(e.ETag) > maxETag:
		return Version{}, fmt.Errorf("%w: key %q version %s has an ETag of %d bytes", ErrBadState, s3err.Clip(e.Key), s3err.Word(e.VersionID), len(e.ETag))
	case e.IsLatest == nil:
		return Version{}, fmt.Errorf("%w: key %q version %s does not say whether it is the latest", ErrBadState, s3err.Clip(e.Key), s3err.Word(e.VersionID))
	case !sr.markers && (e.Size == nil || *e.Size < 0):
		return Version{}, fmt.Errorf("%w: key %q version %s has no valid size", ErrBadState, s3err.Clip(e.Key), s3err.Word(e.VersionID))
	}
	v.IsLatest = *e.IsLatest
	if !sr.markers {
		v.Size = *e.Size
	}
	var err error
	if v.LastModified, err = parseStateTime(e.LastModified); err != nil {
		return Version{}, fmt.Errorf("%w: key %q version %s: LastModified is not a time: %q", ErrBadState, s3err.Clip(e.Key), s3err.Word(e.VersionID), s3err.Clip(e.LastModified))
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
			return fmt.Errorf("%w: data follows after its end: %q", ErrBadState, s3err.Clip(fmt.Sprint(t)))
		}
	}
}
