package s3tool

import (
	"context"
	"crypto/md5" //nolint:gosec // S3's own checksum of a part
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// S3's limits (Amazon S3 User Guide, "Amazon S3 multipart upload limits").
const (
	minPartSize = 5 << 20
	maxParts    = 10_000
)

// upload is an unfinished multipart upload and the parts the server has of it.
type upload struct {
	id       string
	partSize int64
	parts    map[int]minio.ObjectPart
}

// uploadParts uploads a large file, or resumes an interrupted upload of the same key:
// parts on the server whose size and MD5 are those of the file are kept. It returns how
// many bytes that saved. After a failure the upload stays for the next call to resume,
// if that can find it.
func (t *Tool) uploadParts(ctx context.Context, f io.ReaderAt, size int64, to Location) (resumed int64, err error) {
	u, listed, err := t.unfinished(ctx, size, to)
	if err != nil {
		return 0, err
	}
	if u == nil {
		u = &upload{partSize: t.partSizeFor(size)}
		err := t.again(ctx, to.Bucket, "begin an upload", 0, func(ctx context.Context) (err error) {
			u.id, err = t.core.NewMultipartUpload(ctx, to.Bucket, to.Key, minio.PutObjectOptions{})
			return confirmed(u.id, err)
		})
		if err != nil {
			return 0, err
		}
	}
	n := int((size + u.partSize - 1) / u.partSize)
	parts := make([]minio.CompletePart, n)
	var saved atomic.Int64
	var g errgroup.Group
	g.SetLimit(t.parallel)
	var broken atomic.Bool // starts no new parts; those in flight go on, for the next call
	for i := range n {
		g.Go(func() error {
			if broken.Load() {
				return nil
			}
			offset := int64(i) * u.partSize
			section := io.NewSectionReader(f, offset, min(u.partSize, size-offset))
			etag, kept, err := t.uploadPart(ctx, to, u, i+1, section)
			if err != nil {
				broken.Store(true)
				return err
			}
			if kept {
				saved.Add(section.Size())
			}
			parts[i] = minio.CompletePart{PartNumber: i + 1, ETag: etag}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return 0, t.abandon(ctx, to, u, listed, err)
	}
	return saved.Load(), t.complete(ctx, to, u.id, parts)
}

// complete makes the object of its parts. After an answer that was lost, the upload may
// be gone because it is complete.
func (t *Tool) complete(ctx context.Context, to Location, id string, parts []minio.CompletePart) error {
	tries := 0
	return t.again(ctx, to.Bucket, "complete an upload", completeTimeout, func(ctx context.Context) error {
		tries++
		_, err := t.core.CompleteMultipartUpload(ctx, to.Bucket, to.Key, id, parts, minio.PutObjectOptions{})
		if tries > 1 && s3err.Code(err) == "NoSuchUpload" {
			if o, serr := t.Stat(ctx, to); serr == nil && o.ETag == etagOf(parts) {
				return nil
			}
		}
		return err
	})
}

// etagOf is the ETag of an object made of parts.
func etagOf(parts []minio.CompletePart) string {
	sum := md5.New() //nolint:gosec // see above
	for _, p := range parts {
		digest, err := hex.DecodeString(strings.Trim(p.ETag, `"`))
		if err != nil {
			return "" // not an MD5
		}
		sum.Write(digest)
	}
	return fmt.Sprintf("%x-%d", sum.Sum(nil), len(parts))
}

// abandon says what becomes of a failed upload. One that the next call could not find
// is removed, if the server allows it.
func (t *Tool) abandon(ctx context.Context, to Location, u *upload, listed bool, cause error) error {
	if listed {
		return fmt.Errorf("%w; the parts stay on the server: the same copy goes on with them", cause)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := t.core.AbortMultipartUpload(ctx, to.Bucket, to.Key, u.id); err != nil {
		return fmt.Errorf("%w; its parts stay on the server as the unfinished upload %s, which these credentials may neither resume nor remove", cause, u.id)
	}
	return cause
}

func (t *Tool) uploadPart(ctx context.Context, to Location, u *upload, number int, section *io.SectionReader) (etag string, kept bool, err error) {
	sum := md5.New() //nolint:gosec // see above
	if _, err := io.Copy(sum, section); err != nil {
		return "", false, err
	}
	digest := sum.Sum(nil)
	if have, ok := u.parts[number]; ok && have.Size == section.Size() && strings.Trim(have.ETag, `"`) == hex.EncodeToString(digest) {
		return have.ETag, true, nil
	}
	err = t.again(ctx, to.Bucket, "upload a part", sendTimeout, func(ctx context.Context) error {
		if _, err := section.Seek(0, io.SeekStart); err != nil {
			return err
		}
		part, err := t.core.PutObjectPart(ctx, to.Bucket, to.Key, u.id, number, section, section.Size(),
			minio.PutObjectPartOptions{Md5Base64: base64.StdEncoding.EncodeToString(digest)})
		etag = part.ETag
		return confirmed(etag, err)
	})
	return etag, false, err
}

// partSizeFor keeps the parts of a file below S3's number of them.
func (t *Tool) partSizeFor(size int64) int64 {
	const mib = 1 << 20
	least := (size/maxParts + mib) / mib * mib // rounded up to whole MiB
	return max(t.partSize, least)
}

// unfinished finds the newest upload of the key that was not completed. Credentials
// that may not list uploads, as a host's, start a new one.
func (t *Tool) unfinished(ctx context.Context, size int64, to Location) (u *upload, listed bool, err error) {
	var newest *s3versions.Upload
	for u, err := range t.versions.Uploads(ctx, to.Bucket, to.Key) {
		if permanent(err) && s3err.Code(err) != "NoSuchBucket" {
			return nil, false, nil
		}
		if err != nil {
			return nil, false, err
		}
		if isKey(u.Key, to.Key) && (newest == nil || u.Initiated.After(newest.Initiated)) {
			newest = &u
		}
	}
	if newest == nil {
		return nil, true, nil
	}
	u = &upload{id: newest.UploadID, parts: map[int]minio.ObjectPart{}}
	for marker, more := 0, true; more; {
		var page minio.ListObjectPartsResult
		err := t.again(ctx, to.Bucket, "list parts", 0, func(ctx context.Context) (err error) {
			page, err = t.core.ListObjectParts(ctx, to.Bucket, to.Key, u.id, marker, 1000)
			return err
		})
		if err != nil {
			return nil, true, nil //nolint:nilerr // finished or aborted meanwhile: start anew
		}
		for _, p := range page.ObjectParts {
			u.parts[p.PartNumber] = p
		}
		more = page.IsTruncated && page.NextPartNumberMarker > marker
		marker = page.NextPartNumberMarker
	}
	if u.partSize = t.partSizeOf(u.parts, size); u.partSize == 0 {
		return nil, true, nil
	}
	return u, true, nil
}

// isKey reports whether a listing names the key, which was its prefix. Ceph RGW encodes
// keys there as it is asked to, but does not say so.
func isKey(listed, key string) bool {
	decoded, err := url.PathUnescape(listed)
	return listed == key || err == nil && decoded == key
}

// partSizeOf returns the part size of an upload of which some parts are there: it may
// have been begun with another size than ours. It is 0 if no size explains them all, as
// for another file. Any part may be missing, even the first: they are sent in parallel.
func (t *Tool) partSizeOf(parts map[int]minio.ObjectPart, size int64) int64 {
	var largest int64 // all parts but the last are of one size
	for _, p := range parts {
		largest = max(largest, p.Size)
	}
	for _, partSize := range []int64{largest, t.partSizeFor(size)} {
		fits := partSize >= minPartSize && (size+partSize-1)/partSize <= maxParts
		for number, p := range parts {
			fits = fits && p.Size == min(partSize, size-int64(number-1)*partSize)
		}
		if fits {
			return partSize
		}
	}
	return 0
}
