package s3dev

import (
	"crypto/md5"
	"encoding/hex"
	"io"
	"math/bits"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/auth"
)

const nullVersion = "null"

// version is one version of an object, or a delete marker. All but ext is
// immutable once stored, so that readers need no lock while they stream and
// copies share the bytes.
type version struct {
	seq      uint64 // order of creation in the server; also the version id, scrambled
	modified int64  // Unix milliseconds
	size     int64
	data     [][]byte // one slice, or one for each part of a multipart upload
	owner    string
	headers  *headers
	sum      *checksum
	ext      *extras // guarded by the bucket's lock
	etag     [md5.Size]byte
	parts    uint16 // 0 unless made by a multipart upload
	null     bool
	marker   bool
	bodiless bool // generated for a synthetic bucket: listed, but not readable
}

// headers are what a client stored along with an object's bytes. Versions
// with equal plain headers share one.
type headers struct {
	contentType, encoding, disposition, language string
	cacheControl, expires, redirect              string
	meta                                         map[string]string
}

type checksum struct {
	algorithm types.ChecksumAlgorithm
	value     string
}

// extras are the rare attributes that may change after a version was stored.
type extras struct {
	tags      map[string]string
	retention *retention
	legalHold *bool
	rest      atRest
	acl       []auth.Grantee // nil is full control for the owner alone
}

func (v *version) id() string {
	if v.null {
		return nullVersion
	}
	return formatVersionID(v.seq)
}

func (v *version) lastModified() time.Time { return time.UnixMilli(v.modified).UTC() }

func (v *version) etagString() string {
	s := `"` + hex.EncodeToString(v.etag[:])
	if v.parts > 0 {
		s += "-" + strconv.Itoa(int(v.parts))
	}
	return s + `"`
}

// slice returns the segments that hold n bytes from off on, sharing them.
func (v *version) slice(off, n int64) [][]byte {
	var out [][]byte
	for _, seg := range v.data {
		if n <= 0 {
			break
		}
		if off >= int64(len(seg)) {
			off -= int64(len(seg))
			continue
		}
		part := seg[off:min(int64(len(seg)), off+n)]
		out = append(out, part)
		n -= int64(len(part))
		off = 0
	}
	return out
}

// segmentReader reads segments one after the other, in writes as large as the
// segments where the receiver can take them.
type segmentReader struct{ segments [][]byte }

func (r *segmentReader) Read(p []byte) (int, error) {
	for len(r.segments) > 0 && len(r.segments[0]) == 0 {
		r.segments = r.segments[1:]
	}
	if len(r.segments) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.segments[0])
	r.segments[0] = r.segments[0][n:]
	return n, nil
}

func (r *segmentReader) WriteTo(w io.Writer) (total int64, err error) {
	for _, seg := range r.segments {
		n, err := w.Write(seg)
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
	r.segments = nil
	return total, nil
}

func (r *segmentReader) Close() error { return nil }

// Version ids are the creation sequence, scrambled: opaque to clients and in
// no order, while the server can still tell where a version that has been
// deleted since stood in its key's history, which a listing that goes on from
// it needs.
const (
	scrambleA = 0x9E3779B97F4A7C15
	scrambleB = 0xD1B54A32D192ED03
)

func formatVersionID(seq uint64) string {
	x := bits.RotateLeft64(seq*scrambleA, 32) * scrambleB
	const digits = "0123456789abcdef"
	var buf [16]byte
	for i := range buf {
		buf[i] = digits[x>>(60-4*i)&15]
	}
	return string(buf[:])
}

func parseVersionID(id string) (seq uint64, ok bool) {
	if len(id) != 16 {
		return 0, false
	}
	x, err := strconv.ParseUint(id, 16, 64)
	if err != nil {
		return 0, false
	}
	return bits.RotateLeft64(x*inverse(scrambleB), 32) * inverse(scrambleA), true
}

// inverse is the multiplicative inverse of an odd number modulo 2^64.
func inverse(m uint64) uint64 {
	x := m
	for range 6 {
		x *= 2 - m*x
	}
	return x
}
