package s3dev

import (
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// describe fills in the headers of a GET or HEAD.
func (v *version) describe(out *s3.GetObjectOutput, id string, withChecksum bool) {
	etag, ranges := v.etagString(), "bytes"
	out.ETag, out.AcceptRanges = &etag, &ranges
	if id != "" {
		out.VersionId = &id
	}
	if h := v.headers; h != nil {
		out.ContentType, out.ContentEncoding = &h.contentType, &h.encoding
		out.ContentDisposition, out.ContentLanguage = &h.disposition, &h.language
		out.CacheControl, out.ExpiresString = &h.cacheControl, &h.expires
		out.WebsiteRedirectLocation, out.Metadata = &h.redirect, h.meta
	}
	if v.parts > 0 {
		n := int32(v.parts)
		out.PartsCount = &n
	}
	if withChecksum {
		v.sum.getOutput(out)
	}
	x := v.ext
	if x == nil {
		return
	}
	if x.rest.class != "" {
		out.StorageClass = types.StorageClass(x.rest.class)
	}
	if n := int32(len(x.tags)); n > 0 {
		out.TagCount = &n
	}
	if r := x.retention; r != nil {
		out.ObjectLockMode, out.ObjectLockRetainUntilDate = types.ObjectLockMode(r.mode), &r.until
	}
	out.ObjectLockLegalHoldStatus = holdOf(x)
}
