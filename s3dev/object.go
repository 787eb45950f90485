package s3dev

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

const maxKeyLength = 1024

// firstAlloc bounds what is allocated on the word of a Content-Length; past
// that memory grows with what was really sent, up to the length declared.
const firstAlloc = 64 << 20

// body is what was read of an upload.
type body struct {
	data []byte
	etag [md5.Size]byte
	sum  *checksum
}

// readBody takes in the whole upload of a declared size, checking whatever
// checksums came with it.
func readBody(r io.Reader, size int64, sums checksums) (*body, error) {
	r, trailing, algorithm, err := sums.verify(r)
	if err != nil {
		return nil, err
	}
	buf := make([]byte, 0, min(size, firstAlloc))
	hash := md5.New()
	for {
		if len(buf) == cap(buf) {
			if int64(len(buf)) >= size {
				break
			}
			buf = append(make([]byte, 0, min(size, 2*int64(cap(buf)))), buf...)
		}
		n, err := r.Read(buf[len(buf):min(int64(cap(buf)), int64(len(buf))+1<<20)])
		hash.Write(buf[len(buf) : len(buf)+n])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, bodyError(err)
		}
	}
	// Checksums are compared when the reader meets the end.
	if n, err := io.Copy(io.Discard, r); err != nil {
		return nil, bodyError(err)
	} else if int64(len(buf))+n != size {
		return nil, s3err.GetAPIError(s3err.ErrIncompleteBody)
	}
	out := &body{data: buf}
	hash.Sum(out.etag[:0])
	if algorithm != "" {
		out.sum = &checksum{algorithm, strings.Clone(trailing())}
	}
	return out, nil
}

func bodyError(err error) error {
	var known s3err.S3Error
	if errors.As(err, &known) {
		return err
	}
	return s3err.GetAPIError(s3err.ErrIncompleteBody)
}

func (m *memory) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	var out s3response.PutObjectOutput
	key, err := keyOf(in.Key)
	if err != nil {
		return out, err
	}
	b, err := m.bucket(*in.Bucket)
	if err != nil {
		return out, err
	}
	tags, err := backend.ParseObjectTags(deref(in.Tagging))
	if err != nil {
		return out, err
	}
	got, err := readBody(in.Body, *in.ContentLength, putChecksums(in))
	if err != nil {
		return out, err
	}
	v := &version{
		size: int64(len(got.data)), data: [][]byte{got.data}, etag: got.etag, sum: got.sum,
		owner: strings.Clone(requester(ctx)), modified: m.clock.Now().UnixMilli(),
		headers: &headers{
			contentType: kept(in.ContentType), encoding: kept(in.ContentEncoding),
			disposition: kept(in.ContentDisposition), language: kept(in.ContentLanguage),
			cacheControl: kept(in.CacheControl), expires: kept(in.Expires),
			redirect: kept(in.WebsiteRedirectLocation), meta: cloneMap(in.Metadata),
		},
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := m.checkPut(b, key, in.IfMatch, in.IfNoneMatch); err != nil {
		return out, err
	}
	if err := m.prepare(ctx, b, v, tags, lockOf(ctx)); err != nil {
		return out, err
	}
	if err := b.room(v.size); err != nil {
		return out, err
	}
	if err := b.replaceable(key, m.clock.Now()); err != nil {
		return out, err
	}
	b.add(key, v)
	showRest(ctx, v)
	out.ETag, out.VersionID = v.etagString(), b.answerID(v)
	v.sum.putOutput(&out)
	return out, nil
}

// answerID is the version ID a response names: none in a bucket that never
// had versioning.
func (b *bucket) answerID(v *version) string {
	if b.versioning == "" {
		return ""
	}
	return v.id()
}

// lockOf is the lock that a write asks for in its headers.
func lockOf(ctx context.Context) lockRequest {
	if q := callerOf(ctx); q != nil {
		return q.lock
	}
	return lockRequest{}
}

// prepare gives a new version its rare attributes and shares its headers with
// others where they are plain.
func (m *memory) prepare(ctx context.Context, b *bucket, v *version, tags map[string]string, lock lockRequest) error {
	if h := v.headers; h != nil && len(h.meta) == 0 && *h.plainCopy() == *h.flat() {
		if shared := b.plain[h.contentType]; shared != nil {
			v.headers = shared
		} else if len(b.plain) < 64 {
			b.plain[h.contentType] = h
		}
	}
	if m.traits.Checksums == ChecksumsIgnored {
		v.sum = nil
	}
	if q := callerOf(ctx); q != nil {
		rest, err := q.restAsked(b)
		if err != nil {
			return err
		}
		m.keep(v, rest)
	}
	if len(tags) > 0 {
		v.extend().tags = cloneMap(tags)
	}
	if err := m.lockFor(b, v, lock, m.clock.Now()); err != nil {
		return err
	}
	return m.applyObjectACL(ctx, b, v)
}

// replaceable refuses a write in place of a locked null version. The caller
// holds the lock.
func (b *bucket) replaceable(key string, now time.Time) error {
	if b.lock == nil || b.versioning == types.BucketVersioningStatusEnabled {
		return nil
	}
	if e := b.get(key); e != nil {
		if i := e.index(nullVersion); i >= 0 {
			return e.versions[i].removable(now, false)
		}
	}
	return nil
}

// flatHeaders are the headers without their map, to compare them.
type flatHeaders struct{ contentType, encoding, disposition, language, cacheControl, expires, redirect string }

func (h *headers) flat() *flatHeaders {
	return &flatHeaders{h.contentType, h.encoding, h.disposition, h.language, h.cacheControl, h.expires, h.redirect}
}

func (h *headers) plainCopy() *flatHeaders { return &flatHeaders{contentType: h.contentType} }

func keyOf(key *string) (string, error) {
	k := strings.Clone(disarm(deref(key)))
	if len(k) > maxKeyLength {
		return "", s3err.GetKeyTooLongErr(int64(len(k)), maxKeyLength)
	}
	return k, nil
}

func (m *memory) HeadObject(ctx context.Context, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	out, err := m.GetObject(ctx, &s3.GetObjectInput{
		Bucket: in.Bucket, Key: in.Key, VersionId: in.VersionId, Range: in.Range,
		IfMatch: in.IfMatch, IfNoneMatch: in.IfNoneMatch,
		IfModifiedSince: in.IfModifiedSince, IfUnmodifiedSince: in.IfUnmodifiedSince,
		ChecksumMode: in.ChecksumMode, PartNumber: in.PartNumber,
	})
	if out == nil {
		return nil, err
	}
	return &s3.HeadObjectOutput{
		AcceptRanges: out.AcceptRanges, ContentRange: out.ContentRange, ContentLength: out.ContentLength,
		ContentType: out.ContentType, ContentEncoding: out.ContentEncoding, ContentDisposition: out.ContentDisposition,
		ContentLanguage: out.ContentLanguage, CacheControl: out.CacheControl, ExpiresString: out.ExpiresString,
		WebsiteRedirectLocation: out.WebsiteRedirectLocation, Metadata: out.Metadata,
		ETag: out.ETag, LastModified: out.LastModified, VersionId: out.VersionId, DeleteMarker: out.DeleteMarker,
		ChecksumCRC32: out.ChecksumCRC32, ChecksumCRC32C: out.ChecksumCRC32C, ChecksumCRC64NVME: out.ChecksumCRC64NVME,
		ChecksumSHA1: out.ChecksumSHA1, ChecksumSHA256: out.ChecksumSHA256, ChecksumType: out.ChecksumType,
		ObjectLockMode: out.ObjectLockMode, ObjectLockRetainUntilDate: out.ObjectLockRetainUntilDate,
		ObjectLockLegalHoldStatus: out.ObjectLockLegalHoldStatus, TagCount: out.TagCount, StorageClass: out.StorageClass,
		PartsCount: out.PartsCount,
	}, err
}

func (m *memory) GetObject(ctx context.Context, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	out, err := m.getObject(ctx, in)
	if q := callerOf(ctx); out != nil && q != nil && m.traits.HiddenLock {
		hidden := func(action string) bool {
			return m.may(q, q.bucket, q.key, q.versionID, action) != nil
		}
		if out.ObjectLockMode != "" && hidden("s3:GetObjectRetention") {
			out.ObjectLockMode, out.ObjectLockRetainUntilDate = "", nil
		}
		if out.ObjectLockLegalHoldStatus != "" && hidden("s3:GetObjectLegalHold") {
			out.ObjectLockLegalHoldStatus = ""
		}
	}
	return out, err
}

func (m *memory) getObject(ctx context.Context, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	b, err := m.bucket(*in.Bucket)
	if err != nil {
		return nil, err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	v, err := b.find(disarm(*in.Key), deref(in.VersionId))
	if v == nil {
		return nil, err
	}
	modified := v.lastModified()
	if err != nil { // a delete marker
		yes := true
		return &s3.GetObjectOutput{DeleteMarker: &yes, LastModified: &modified}, err
	}
	if requestMethod(ctx) == "GET" {
		if v.bodiless {
			return nil, s3err.GetAPIError(s3err.ErrNotImplemented)
		}
		if err := v.bytesReadable(); err != nil {
			return nil, err
		}
	}
	if err := v.readable(headerOf(ctx), customerHeader); err != nil {
		return nil, err
	}
	if err := backend.EvaluatePreconditions(v.etagString(), modified, backend.PreConditions{
		IfMatch: in.IfMatch, IfNoneMatch: in.IfNoneMatch,
		IfModSince: in.IfModifiedSince, IfUnmodeSince: in.IfUnmodifiedSince,
	}); err != nil {
		return nil, err
	}
	off, n, partial, err := backend.ParseObjectRange(v.size, deref(in.Range))
	if err != nil {
		return nil, err
	}
	out := &s3.GetObjectOutput{Body: &segmentReader{v.slice(off, n)}, ContentLength: &n, LastModified: &modified}
	if partial {
		r := fmt.Sprintf("bytes %d-%d/%d", off, off+n-1, v.size)
		out.ContentRange = &r
	}
	showRest(ctx, v)
	v.describe(out, b.answerID(v), in.ChecksumMode == types.ChecksumModeEnabled)
	return out, nil
}

func requestMethod(ctx context.Context) string {
	if rc := requestCtx(ctx); rc != nil {
		return string(rc.Method())
	}
	return ""
}
