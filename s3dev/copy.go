package s3dev

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3api/utils"
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

// mayRead checks the right to read the version that a copy names: the front end
// asks only for the right to read the object.
func (m *memory) mayRead(ctx context.Context, src source) error {
	c, ok := ctx.Value(frontContext).(fiber.Ctx)
	if src.versionID == "" || !ok {
		return nil
	}
	data, err := m.GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: &src.bucket})
	if err != nil {
		return err
	}
	var acl auth.ACL
	if err := json.Unmarshal(data, &acl); err != nil {
		return err
	}
	account, _ := utils.ContextKeyAccount.Get(c).(auth.Account)
	return auth.VerifyAccess(c, m, auth.AccessOptions{
		Acl: acl, AclPermission: auth.PermissionRead, Acc: account, Bucket: src.bucket, Object: src.key,
		Actions: []auth.Action{auth.GetObjectVersionAction}, Iam: m.ids,
	})
}

// open finds the version a copy reads, and its id for the answer.
func (m *memory) open(ctx context.Context, src source, when backend.PreConditions) (v *version, id string, err error) {
	if err := m.mayRead(ctx, src); err != nil {
		return nil, "", err
	}
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
	if src.bucket == *in.Bucket && disarm(src.key) == key && src.versionID == "" && !replace {
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
		size: from.size, data: from.data, etag: from.etag, parts: from.parts, sum: from.sum, headers: from.headers,
		owner: strings.Clone(requester(ctx)), modified: m.clock.Now().UnixMilli(),
	}
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
	lock := lockHeaders{in.ObjectLockMode, in.ObjectLockRetainUntilDate, in.ObjectLockLegalHoldStatus}
	err = m.change(*in.Bucket, func(b *bucket) error {
		if err := b.prepare(v, tags, lock, m.clock.Now()); err != nil {
			return err
		}
		if err := b.applyObjectACL(ctx, v); err != nil {
			return err
		}
		b.add(key, v)
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
