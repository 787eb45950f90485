package s3dev

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

// The listings write their own XML: the front end's puts all versions before
// all delete markers, cuts times to seconds and knows no encoding-type. The
// text is handed over with the request and takes the place of the body.
const bodyKey = "s3dev-body"

func setBody(ctx context.Context, x *xmlText) {
	if rc := requestCtx(ctx); rc != nil {
		rc.SetUserValue(bodyKey, x.buf)
	}
}

const listTime = "2006-01-02T15:04:05.000Z"

// xmlText builds a listing. With url set, keys are percent-encoded.
type xmlText struct {
	buf []byte
	url bool
}

func newXML(ctx context.Context, root string) *xmlText {
	x := &xmlText{buf: make([]byte, 0, 32<<10)}
	if rc := requestCtx(ctx); rc != nil {
		x.url = string(rc.QueryArgs().Peek("encoding-type")) == "url"
	}
	x.buf = append(x.buf, `<?xml version="1.0" encoding="UTF-8"?>`+"\n<"+root+` xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`...)
	return x
}

func (x *xmlText) open(tag string)  { x.buf = append(append(append(x.buf, '<'), tag...), '>') }
func (x *xmlText) close(tag string) { x.buf = append(append(append(x.buf, '<', '/'), tag...), '>') }

func (x *xmlText) text(tag, value string) {
	x.open(tag)
	x.buf = appendEscaped(x.buf, value)
	x.close(tag)
}

// key writes text that encoding-type=url applies to.
func (x *xmlText) key(tag, value string) {
	if x.url {
		value = escapeURL(value)
	}
	x.text(tag, value)
}

// escapeURL percent-encodes all but unreserved characters and slashes.
func escapeURL(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(s), "+", "%20"), "%2F", "/")
}

// appendEscaped writes control characters as references, as RGW and AWS do.
// XML 1.0 forbids them even so: a client that meets such a key has to ask for
// encoding-type=url.
func appendEscaped(buf []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '<':
			buf = append(buf, "&lt;"...)
		case c == '>':
			buf = append(buf, "&gt;"...)
		case c == '&':
			buf = append(buf, "&amp;"...)
		case c == '"':
			buf = append(buf, "&quot;"...)
		case c == '\'':
			buf = append(buf, "&apos;"...)
		case c < 0x20 && c != '\t' && c != '\n' || c == 0x7f:
			buf = fmt.Appendf(buf, "&#x%02x;", c)
		default:
			buf = append(buf, c)
		}
	}
	return buf
}

func (x *xmlText) owner(m *memory, id string) {
	x.open("Owner")
	x.text("ID", id)
	x.text("DisplayName", m.ids.displayName(id))
	x.close("Owner")
}

func (x *xmlText) item(m *memory, tag string, it listed, versions, owner bool) {
	x.open(tag)
	x.key("Key", it.key)
	if versions {
		x.text("VersionId", it.v.id())
		x.text("IsLatest", strconv.FormatBool(it.latest))
	}
	modified := it.v.lastModified()
	if m.traits.WholeSeconds {
		modified = modified.Truncate(time.Second)
	}
	x.text("LastModified", modified.Format(listTime))
	if !it.v.marker {
		x.text("ETag", it.v.etagString())
		x.text("Size", strconv.FormatInt(it.v.size, 10))
		x.text("StorageClass", it.v.storageClass())
	}
	if owner {
		x.owner(m, it.v.owner)
	}
	x.close(tag)
}

func (x *xmlText) commonPrefixes(p *page) {
	for _, prefix := range p.prefixes {
		x.open("CommonPrefixes")
		x.key("Prefix", prefix)
		x.close("CommonPrefixes")
	}
}

func (m *memory) ListObjectVersions(ctx context.Context, in *s3.ListObjectVersionsInput) (s3response.ListVersionsResult, error) {
	q := query{
		prefix: deref(in.Prefix), delimiter: deref(in.Delimiter), afterKey: kept(in.KeyMarker),
		afterVersion: kept(in.VersionIdMarker), max: int(*in.MaxKeys), versions: true,
	}
	if q.afterVersion != "" && q.afterKey == "" {
		return s3response.ListVersionsResult{}, s3err.GetInvalidArgumentErr(s3err.InvalidArgVersionId, q.afterVersion)
	}
	x := newXML(ctx, "ListVersionsResult")
	p, err := m.page(*in.Bucket, q, func(p *page) {
		if tenant, _, ok := strings.Cut(m.ownerOf(*in.Bucket), "$"); ok && m.traits.Ceph {
			x.text("Tenant", tenant)
		}
		x.text("Name", *in.Bucket)
		x.marker(m, "Prefix", q.prefix)
		x.key("KeyMarker", q.afterKey)
		x.text("VersionIdMarker", q.afterVersion)
		if p.truncated {
			x.marker(m, "NextKeyMarker", p.nextKey)
			if p.nextVersion != "" {
				x.text("NextVersionIdMarker", p.nextVersion)
			}
		}
		x.tail(q, p)
		for _, it := range p.items {
			if it.v.marker {
				x.item(m, "DeleteMarker", it, true, true)
			} else {
				x.item(m, "Version", it, true, true)
			}
		}
		x.commonPrefixes(p)
		x.close("ListVersionsResult")
	})
	if p != nil {
		setBody(ctx, x)
	}
	return s3response.ListVersionsResult{}, err
}

func (m *memory) ListObjects(ctx context.Context, in *s3.ListObjectsInput) (s3response.ListObjectsResult, error) {
	q := query{
		prefix: deref(in.Prefix), delimiter: deref(in.Delimiter), afterKey: kept(in.Marker), max: int(*in.MaxKeys),
	}
	x := newXML(ctx, "ListBucketResult")
	p, err := m.page(*in.Bucket, q, func(p *page) {
		x.text("Name", *in.Bucket)
		x.marker(m, "Prefix", q.prefix)
		x.key("Marker", q.afterKey)
		if p.truncated {
			x.marker(m, "NextMarker", p.nextKey)
		}
		x.tail(q, p)
		for _, it := range p.items {
			x.item(m, "Contents", it, false, true)
		}
		x.commonPrefixes(p)
		x.close("ListBucketResult")
	})
	if p != nil {
		setBody(ctx, x)
	}
	return s3response.ListObjectsResult{}, err
}

func (m *memory) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input) (s3response.ListObjectsV2Result, error) {
	q := query{
		prefix: deref(in.Prefix), delimiter: deref(in.Delimiter), afterKey: kept(in.StartAfter), max: int(*in.MaxKeys),
	}
	token := deref(in.ContinuationToken)
	if token != "" {
		key, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			return s3response.ListObjectsV2Result{}, s3err.GetAPIError(s3err.ErrInvalidRequest)
		}
		q.afterKey = string(key)
	}
	x := newXML(ctx, "ListBucketResult")
	p, err := m.page(*in.Bucket, q, func(p *page) {
		x.text("Name", *in.Bucket)
		x.marker(m, "Prefix", q.prefix)
		x.key("StartAfter", deref(in.StartAfter))
		if token != "" {
			x.text("ContinuationToken", token)
		}
		if p.truncated {
			x.text("NextContinuationToken", base64.RawURLEncoding.EncodeToString([]byte(p.nextKey)))
		}
		x.text("KeyCount", strconv.Itoa(p.size()))
		x.tail(q, p)
		for _, it := range p.items {
			x.item(m, "Contents", it, false, in.FetchOwner != nil && *in.FetchOwner)
		}
		x.commonPrefixes(p)
		x.close("ListBucketResult")
	})
	if p != nil {
		setBody(ctx, x)
	}
	return s3response.ListObjectsV2Result{}, err
}

// marker writes what RGW leaves unencoded whatever the encoding-type.
func (x *xmlText) marker(m *memory, tag, value string) {
	if m.traits.Ceph {
		x.text(tag, value)
		return
	}
	x.key(tag, value)
}

func (x *xmlText) tail(q query, p *page) {
	x.text("MaxKeys", strconv.Itoa(min(q.max, maxPage)))
	if q.delimiter != "" {
		x.key("Delimiter", q.delimiter)
	}
	x.text("IsTruncated", strconv.FormatBool(p.truncated))
	if x.url {
		x.text("EncodingType", "url")
	}
}

// page lists and renders under the bucket's read lock, because what is listed
// must not change until it is written down.
func (m *memory) page(bucketName string, q query, render func(*page)) (*page, error) {
	return read(m, bucketName, func(b *bucket) (*page, error) {
		p, err := b.list(q)
		if err == nil {
			render(p)
		}
		return p, err
	})
}

func (m *memory) ownerOf(bucketName string) string {
	b, err := m.bucket(bucketName)
	if err != nil {
		return ""
	}
	return b.owner
}
