package s3versions

import (
	"strings"
	"time"
)

// Owner is an S3 identity as listings and ACLs name it. On Ceph RGW the ID is
// TENANT$USER.
type Owner struct {
	DisplayName string
	ID          string
}

// Version is one entry of a bucket's version listing: an object version or a
// delete marker.
type Version struct {
	Key       string
	VersionID string // "null" for what was written before versioning was on
	// IsLatest says that this entry is what a plain GET of the key sees.
	IsLatest bool
	// DeleteMarker entries have neither size, ETag nor storage class.
	DeleteMarker bool
	LastModified time.Time // the server's time
	// ETag is as the server sent it, usually in double quotes.
	ETag         string
	Size         int64 // bytes
	StorageClass string
	Owner        Owner
}

// BareETag removes the quotes, which some servers and tools omit.
func BareETag(etag string) string {
	etag = strings.TrimPrefix(etag, "W/")
	return strings.Trim(etag, `"`)
}

// IsMD5 tells whether an ETag can be the MD5 of the object's bytes, and so
// survives a copy. One of a multipart upload ("…-12") does not.
func IsMD5(etag string) bool {
	etag = BareETag(etag)
	if len(etag) != 32 {
		return false
	}
	for i := 0; i < len(etag); i++ {
		c := etag[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}
