package s3dev

import (
	"context"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

type source struct{ bucket, key, versionID string }

// parseSource reads a copy source, "bucket/key" escaped, with "?versionId=ID"
// behind it. The split comes before the unescaping: a key may hold the text.
func parseSource(header string) (source, error) {
	path, version, _ := strings.Cut(strings.TrimPrefix(header, "/"), "?versionId=")
	plain, err := url.QueryUnescape(path)
	if err != nil {
		return source{}, s3err.GetInvalidArgumentErr(s3err.InvalidArgCopySourceEncoding, header)
	}
	bucket, key, ok := strings.Cut(plain, "/")
	if !ok {
		return source{}, s3err.GetInvalidArgumentErr(s3err.InvalidArgCopySourceBucket, header)
	}
	if version, err = url.QueryUnescape(version); err != nil {
		return source{}, s3err.GetInvalidArgumentErr(s3err.InvalidArgCopySourceEncoding, header)
	}
	return source{bucket, key, version}, nil
}

// open finds the version a copy reads, and its id for the answer.
func (m *memory) open(ctx context.Context, src source, when backend.PreConditions) (v *version, id string, err error) {
	b, err := m.bucket(src.bucket)
	if err != nil {
		return nil, "", err
	}
	src.key = disarm(src.key)
	b.mu.RLock()
	defer b.mu.RUnlock()
	v, err = b.find(src.key, src.versionID)
	switch {
	case v != nil && v.marker && src.versionID != "":
		return nil, "", s3err.GetAPIError(s3err.ErrInvalidRequest)
	case err != nil:
		return nil, "", err
	case v.bodiless:
		return nil, "", s3err.GetAPIError(s3err.ErrNotImplemented)
	}
	if err := v.bytesReadable(); err != nil {
		return nil, "", err
	}
	if err := v.readable(headerOf(ctx), copyCustomer); err != nil {
		return nil, "", err
	}
	// A failed condition is 412 for a copy, never 304.
	if err := backend.EvaluatePreconditions(v.etagString(), v.lastModified(), when); err != nil {
		return nil, "", s3err.GetAPIError(s3err.ErrPreconditionFailed)
	}
	return v, b.answerID(v), nil
}

// CopyObject shares the source's bytes.
func (m *memory) CopyObject(ctx context.Context, in s3response.CopyObjectInput) (s3response.CopyObjectOutput, error) {
	var out s3response.CopyObjectOutput
	key, err := keyOf(in.Key)
	if err != nil {
		return out, err
	}
	src, err := parseSource(*in.CopySource)
	if err != nil {
		return out, err
	}
	replace := in.MetadataDirective == types.MetadataDirectiveReplace
	// In place something has to change.
	header := headerOf(ctx)
	changes := replace || src.versionID != "" || header(classHeader) != "" || header(sseHeader) != "" || header(customerHeader+"Key") != ""
	if src.bucket == *in.Bucket && disarm(src.key) == key && !changes {
		return out, s3err.GetAPIError(s3err.ErrInvalidCopyDest)
	}
	from, fromID, err := m.open(ctx, src, backend.PreConditions{
		IfMatch: in.CopySourceIfMatch, IfNoneMatch: in.CopySourceIfNoneMatch,
		IfModSince: in.CopySourceIfModifiedSince, IfUnmodeSince: in.CopySourceIfUnmodifiedSince,
	})
	if err != nil {
		return out, err
	}
	v := &version{
		size: from.size, data: from.data, sum: from.sum, headers: from.headers,
		owner: strings.Clone(requester(ctx)), modified: m.clock.Now().UnixMilli(),
	}
	v.etag, v.parts = from.plainETag()
	if replace {
		v.headers = &headers{
			contentType: kept(in.ContentType), encoding: kept(in.ContentEncoding),
			disposition: kept(in.ContentDisposition), language: kept(in.ContentLanguage),
			cacheControl: kept(in.CacheControl), expires: kept(in.Expires),
			redirect: kept(in.WebsiteRedirectLocation), meta: cloneMap(in.Metadata),
		}
	}
	var tags map[string]string
	if in.TaggingDirective == types.TaggingDirectiveReplace {
		if tags, err = backend.ParseObjectTags(deref(in.Tagging)); err != nil {
			return out, err
		}
	} else if tags, err = m.tagsOf(src.bucket, from); err != nil {
		return out, err
	}
	err = m.change(*in.Bucket, func(b *bucket) error {
		if err := m.prepare(ctx, b, v, tags, lockOf(ctx)); err != nil {
			return err
		}
		if err := b.room(v.size); err != nil {
			return err
		}
		if err := b.replaceable(key, m.clock.Now()); err != nil {
			return err
		}
		b.add(key, v)
		showRest(ctx, v)
		id := b.answerID(v)
		out.VersionId = &id
		return nil
	})
	if err != nil {
		return out, err
	}
	etag, modified := v.etagString(), v.lastModified()
	out.CopyObjectResult = &s3response.CopyObjectResult{ETag: &etag, LastModified: &modified}
	out.CopySourceVersionId = &fromID
	return out, nil
}

func (m *memory) UploadPartCopy(ctx context.Context, in *s3.UploadPartCopyInput) (s3response.CopyPartResult, error) {
	var out s3response.CopyPartResult
	src, err := parseSource(*in.CopySource)
	if err != nil {
		return out, err
	}
	from, fromID, err := m.open(ctx, src, backend.PreConditions{
		IfMatch: in.CopySourceIfMatch, IfNoneMatch: in.CopySourceIfNoneMatch,
		IfModSince: in.CopySourceIfModifiedSince, IfUnmodeSince: in.CopySourceIfUnmodifiedSince,
	})
	if err != nil {
		return out, err
	}
	off, n, err := backend.ParseCopySourceRange(from.size, deref(in.CopySourceRange))
	if err != nil {
		return out, err
	}
	n = min(n, from.size-off)
	p := &part{data: from.slice(off, n), size: n, modified: m.clock.Now()}
	p.hash()
	if err := m.putPart(*in.Bucket, *in.Key, *in.UploadId, *in.PartNumber, p); err != nil {
		return out, err
	}
	etag := p.etagString()
	out.ETag, out.LastModified, out.CopySourceVersionId = &etag, p.modified, fromID
	return out, nil
}
