package s3dev

import (
	"cmp"
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

// minPart is the least size of every part but the last.
const minPart = 5 << 20

type upload struct {
	id, key, owner string
	initiated      time.Time
	headers        *headers
	tags           map[string]string
	lock           lockRequest
	acl            []auth.Grantee
	rest           atRest
	parts          map[int32]*part
}

type part struct {
	data     [][]byte
	size     int64
	etag     [md5.Size]byte
	modified time.Time
}

func (p *part) hash() {
	h := md5.New()
	for _, seg := range p.data {
		h.Write(seg)
	}
	h.Sum(p.etag[:0])
}

func (p *part) etagString() string { return `"` + hex.EncodeToString(p.etag[:]) + `"` }

func (m *memory) CreateMultipartUpload(ctx context.Context, in s3response.CreateMultipartUploadInput) (s3response.InitiateMultipartUploadResult, error) {
	var out s3response.InitiateMultipartUploadResult
	key, err := keyOf(in.Key)
	if err != nil {
		return out, err
	}
	tags, err := backend.ParseObjectTags(deref(in.Tagging))
	if err != nil {
		return out, err
	}
	u := &upload{
		id: rand.Text(), key: key, owner: strings.Clone(requester(ctx)), initiated: m.clock.Now(),
		tags: cloneMap(tags), parts: map[int32]*part{},
		lock: lockOf(ctx),
		headers: &headers{
			contentType: kept(in.ContentType), encoding: kept(in.ContentEncoding),
			disposition: kept(in.ContentDisposition), language: kept(in.ContentLanguage),
			cacheControl: kept(in.CacheControl), expires: kept(in.Expires),
			redirect: kept(in.WebsiteRedirectLocation), meta: cloneMap(in.Metadata),
		},
	}
	out.Bucket, out.Key, out.UploadId = *in.Bucket, key, u.id
	return out, m.change(*in.Bucket, func(b *bucket) error {
		// What is wrong with the upload's lock or ACL shows now, not at the end.
		probe := &version{owner: u.owner}
		if err := m.prepare(ctx, b, probe, nil, u.lock); err != nil {
			return err
		}
		if probe.ext != nil {
			u.acl, u.rest = probe.ext.acl, probe.ext.rest
		}
		b.uploads[u.id] = u
		return nil
	})
}

func (b *bucket) upload(id, key string) (*upload, error) {
	u := b.uploads[id]
	if u == nil || u.key != disarm(key) {
		return nil, s3err.GetNoSuchUploadErr(id)
	}
	return u, nil
}

func (m *memory) UploadPart(_ context.Context, in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
	if _, err := read(m, *in.Bucket, func(b *bucket) (*upload, error) { return b.upload(*in.UploadId, *in.Key) }); err != nil {
		return nil, err
	}
	got, err := readBody(in.Body, *in.ContentLength, partChecksums(in))
	if err != nil {
		return nil, err
	}
	p := &part{data: [][]byte{got.data}, size: int64(len(got.data)), etag: got.etag, modified: m.clock.Now()}
	if err := m.putPart(*in.Bucket, *in.Key, *in.UploadId, *in.PartNumber, p); err != nil {
		return nil, err
	}
	etag := p.etagString()
	out := &s3.UploadPartOutput{ETag: &etag}
	if got.sum != nil {
		got.sum.into(&out.ChecksumCRC32, &out.ChecksumCRC32C, &out.ChecksumCRC64NVME, &out.ChecksumSHA1, &out.ChecksumSHA256)
	}
	return out, nil
}

func (m *memory) putPart(bucketName, key, id string, number int32, p *part) error {
	return m.change(bucketName, func(b *bucket) error {
		u, err := b.upload(id, key)
		if err == nil {
			err = b.room(p.size)
		}
		if err == nil {
			u.parts[number] = p
		}
		return err
	})
}

func (m *memory) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput) (out s3response.CompleteMultipartUploadResult, versionID string, _ error) {
	err := m.change(*in.Bucket, func(b *bucket) error {
		u, err := b.upload(*in.UploadId, *in.Key)
		if err != nil {
			return err
		}
		v, err := u.assemble(in.MultipartUpload.Parts)
		if err != nil {
			return err
		}
		if err := m.checkPut(b, u.key, in.IfMatch, in.IfNoneMatch); err != nil {
			return err
		}
		v.modified = m.clock.Now().UnixMilli()
		if m.traits.DatedToInitiation {
			v.modified = u.initiated.UnixMilli()
		}
		m.keep(v, u.rest)
		if u.acl != nil {
			v.extend().acl = u.acl
		}
		if err := m.prepare(context.Background(), b, v, u.tags, u.lock); err != nil {
			return err
		}
		if err := b.room(v.size); err != nil {
			return err
		}
		if err := b.replaceable(u.key, m.clock.Now()); err != nil {
			return err
		}
		b.add(u.key, v)
		delete(b.uploads, u.id)
		etag := v.etagString()
		out.Bucket, out.Key, out.ETag = in.Bucket, &u.key, &etag
		versionID = b.answerID(v)
		return nil
	})
	return out, versionID, err
}

// assemble makes the object of the parts named.
func (u *upload) assemble(named []types.CompletedPart) (*version, error) {
	v := &version{owner: u.owner, headers: u.headers, parts: uint16(len(named))}
	for i, c := range named {
		if c.PartNumber == nil || c.ETag == nil {
			return nil, s3err.GetAPIError(s3err.ErrMalformedXML)
		}
		if i > 0 && *c.PartNumber <= *named[i-1].PartNumber {
			return nil, s3err.GetAPIError(s3err.ErrInvalidPartOrder)
		}
	}
	etags := md5.New()
	for i, c := range named {
		p := u.parts[*c.PartNumber]
		if p == nil || !backend.AreEtagsSame(*c.ETag, p.etagString()) {
			return nil, s3err.GetInvalidPartErr(u.id, *c.PartNumber, *c.ETag)
		}
		if i < len(named)-1 && p.size < minPart {
			return nil, s3err.GetEntityTooSmallErr(p.size, minPart)
		}
		v.data = append(v.data, p.data...)
		v.size += p.size
		etags.Write(p.etag[:])
	}
	etags.Sum(v.etag[:0])
	return v, nil
}

func (m *memory) AbortMultipartUpload(_ context.Context, in *s3.AbortMultipartUploadInput) error {
	return m.change(*in.Bucket, func(b *bucket) error {
		u, err := b.upload(*in.UploadId, *in.Key)
		if err == nil {
			delete(b.uploads, u.id)
		}
		return err
	})
}

func (m *memory) ListMultipartUploads(_ context.Context, in *s3.ListMultipartUploadsInput) (s3response.ListMultipartUploadsResult, error) {
	return read(m, *in.Bucket, func(b *bucket) (s3response.ListMultipartUploadsResult, error) {
		out := s3response.ListMultipartUploadsResult{
			Bucket: *in.Bucket, Prefix: deref(in.Prefix), KeyMarker: deref(in.KeyMarker),
			UploadIDMarker: deref(in.UploadIdMarker), MaxUploads: int(*in.MaxUploads),
		}
		var all []*upload
		for _, u := range b.uploads {
			behind := u.key > out.KeyMarker || u.key == out.KeyMarker && out.UploadIDMarker != "" && u.id > out.UploadIDMarker
			if strings.HasPrefix(u.key, out.Prefix) && behind {
				all = append(all, u)
			}
		}
		slices.SortFunc(all, func(x, y *upload) int {
			return cmp.Or(cmp.Compare(x.key, y.key), cmp.Compare(x.id, y.id))
		})
		for _, u := range all {
			if len(out.Uploads) == out.MaxUploads {
				out.IsTruncated = true
				break
			}
			owner := s3response.Owner{ID: u.owner, DisplayName: m.ids.displayName(u.owner)}
			out.Uploads = append(out.Uploads, s3response.Upload{
				Key: u.key, UploadID: u.id, Initiated: u.initiated, StorageClass: types.StorageClassStandard,
				Owner: owner, Initiator: s3response.Initiator(owner),
			})
			out.NextKeyMarker, out.NextUploadIDMarker = u.key, u.id
		}
		return out, nil
	})
}

func (m *memory) ListParts(_ context.Context, in *s3.ListPartsInput) (s3response.ListPartsResult, error) {
	return read(m, *in.Bucket, func(b *bucket) (s3response.ListPartsResult, error) {
		var out s3response.ListPartsResult
		u, err := b.upload(*in.UploadId, *in.Key)
		if err != nil {
			return out, err
		}
		out.Bucket, out.Key, out.UploadID, out.MaxParts = *in.Bucket, u.key, u.id, int(*in.MaxParts)
		out.PartNumberMarker, _ = strconv.Atoi(deref(in.PartNumberMarker))
		out.Owner = s3response.Owner{ID: u.owner, DisplayName: m.ids.displayName(u.owner)}
		out.Initiator, out.StorageClass = s3response.Initiator(out.Owner), types.StorageClassStandard
		numbers := make([]int, 0, len(u.parts))
		for n := range u.parts {
			if int(n) > out.PartNumberMarker {
				numbers = append(numbers, int(n))
			}
		}
		slices.Sort(numbers)
		for _, n := range numbers {
			if len(out.Parts) == out.MaxParts {
				out.IsTruncated = true
				break
			}
			p := u.parts[int32(n)]
			out.Parts = append(out.Parts, s3response.Part{PartNumber: n, LastModified: p.modified, ETag: p.etagString(), Size: p.size})
			out.NextPartNumberMarker = n
		}
		return out, nil
	})
}
