package s3dev

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/s3err"
)

// What the server does to the bytes of an object at rest: encryption, whose
// trace is the ETag and who can read it, and storage classes, some of which
// cannot be read at once. Nothing is really encrypted or moved.

const (
	sseHeader       = "X-Amz-Server-Side-Encryption"
	customerHeader  = "X-Amz-Server-Side-Encryption-Customer-"
	copyCustomer    = "X-Amz-Copy-Source-Server-Side-Encryption-Customer-"
	classHeader     = "X-Amz-Storage-Class"
	directiveHeader = "X-Amz-Metadata-Directive"
)

// atRest is how a version is kept; the zero value is plainly.
type atRest struct {
	sse         string // "", "AES256", "aws:kms", "aws:kms:dsse"
	customerKey string // MD5 of an SSE-C key, in base64
	class       string // "" for STANDARD
}

// archived classes have to be restored before they can be read.
var archived = []string{string(types.StorageClassGlacier), string(types.StorageClassDeepArchive)}

func (v *version) atRest() atRest {
	if v.ext == nil {
		return atRest{}
	}
	return v.ext.rest
}

// storageClass is what listings say.
func (v *version) storageClass() string {
	if class := v.atRest().class; class != "" {
		return class
	}
	return string(types.StorageClassStandard)
}

// customerKey reads the headers of SSE-C and returns the key's MD5.
func customerKey(header func(string) string, prefix string) (string, error) {
	algorithm, key, sum := header(prefix+"Algorithm"), header(prefix+"Key"), header(prefix+"Key-Md5")
	if algorithm == "" && key == "" && sum == "" {
		return "", nil
	}
	plain, err := base64.StdEncoding.DecodeString(key)
	want := md5.Sum(plain)
	if algorithm != "AES256" || err != nil || len(plain) != 32 || sum != base64.StdEncoding.EncodeToString(want[:]) {
		return "", s3Error(400, "InvalidArgument", "The calculated MD5 hash of the key did not match the hash that was provided.")
	}
	return strings.Clone(sum), nil
}

// restAsked reads from a write's headers how the object is to be kept.
func (q *caller) restAsked(b *bucket) (r atRest, err error) {
	header := func(name string) string { return q.c.Get(name) }
	if r.customerKey, err = customerKey(header, customerHeader); err != nil {
		return r, err
	}
	switch r.sse = strings.Clone(header(sseHeader)); r.sse {
	case "", "AES256", "aws:kms", "aws:kms:dsse":
	default:
		return r, s3Error(400, "InvalidArgument", "The encryption method specified is not supported")
	}
	if r.sse == "" && r.customerKey == "" {
		r.sse = b.defaultSSE
	}
	if r.class = strings.Clone(header(classHeader)); r.class == string(types.StorageClassStandard) {
		r.class = ""
	}
	if r.class != "" && !slices.Contains(types.StorageClass("").Values(), types.StorageClass(r.class)) {
		return r, s3Error(400, "InvalidStorageClass", "The storage class you specified is not valid")
	}
	return r, nil
}

// keep notes how a new version is kept, and gives it the ETag that goes with it.
func (m *memory) keep(v *version, r atRest) {
	if r == (atRest{}) {
		return
	}
	v.extend().rest = r
	if strings.HasPrefix(r.sse, "aws:kms") || r.customerKey != "" && !m.traits.PlainCustomerETag {
		// Another one for each version, and no MD5 of anything.
		v.etag = md5.Sum(binary.BigEndian.AppendUint64(append([]byte("etag"), v.etag[:]...), m.ciphers.Add(1)))
	}
}

// plainETag is the ETag of the version's bytes were they not encrypted.
func (v *version) plainETag() (etag [md5.Size]byte, parts uint16) {
	if r := v.atRest(); !strings.HasPrefix(r.sse, "aws:kms") && r.customerKey == "" {
		return v.etag, v.parts
	}
	p := &part{data: v.data}
	p.hash()
	return p.etag, 0
}

// readable refuses to read a version without its customer key.
func (v *version) readable(header func(string) string, prefix string) error {
	got, err := customerKey(header, prefix)
	want := v.atRest().customerKey
	switch {
	case err != nil:
		return err
	case want == "" && got != "":
		return s3Error(400, "InvalidRequest", "The encryption parameters are not applicable to this object.")
	case want != "" && got == "":
		return s3Error(400, "InvalidRequest", "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.")
	case want != got:
		return errDenied
	}
	return nil
}

var errArchived = s3Error(403, "InvalidObjectState", "The operation is not valid for the object's storage class")

// bytesReadable refuses to hand out an archived version's bytes.
func (v *version) bytesReadable() error {
	if slices.Contains(archived, v.atRest().class) {
		return errArchived
	}
	return nil
}

// headerOf reads a request's headers, none without a request.
func headerOf(ctx context.Context) func(string) string {
	if rc := requestCtx(ctx); rc != nil {
		return func(name string) string { return string(rc.Request.Header.Peek(name)) }
	}
	return func(string) string { return "" }
}

// showRest writes the response headers that tell how a version is kept.
func showRest(ctx context.Context, v *version) {
	rc, r := requestCtx(ctx), v.atRest()
	if rc == nil {
		return
	}
	if r.sse != "" {
		rc.Response.Header.Set(sseHeader, r.sse)
	}
	if r.customerKey != "" {
		rc.Response.Header.Set(customerHeader+"Algorithm", "AES256")
		rc.Response.Header.Set(customerHeader+"Key-Md5", r.customerKey)
	}
}

// encryption keeps the default encryption and applies it to new versions.
func (m *memory) encryption(q *caller) error {
	if q.method == fiber.MethodGet && m.traits.ListsForEncryption {
		return m.listed(q)
	}
	if q.method == fiber.MethodGet && m.traits.DefaultSSE {
		set, err := read(m, q.bucket, func(b *bucket) (bool, error) { return b.encryption != nil, nil })
		if err != nil {
			return err
		}
		if !set {
			return q.send(fiber.StatusOK, []byte(`<ServerSideEncryptionConfiguration xmlns="`+s3Namespace+
				`"><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`))
		}
	}
	return m.stored(q, "ServerSideEncryptionConfigurationNotFoundError",
		func(s *settings) *[]byte { return &s.encryption },
		func(b *bucket, data []byte) error {
			var in struct {
				Rule struct {
					ApplyServerSideEncryptionByDefault struct{ SSEAlgorithm string }
				}
			}
			if data != nil {
				if err := unmarshalXML(data, &in); err != nil {
					return err
				}
				if in.Rule.ApplyServerSideEncryptionByDefault.SSEAlgorithm == "" {
					return s3err.GetAPIError(s3err.ErrMalformedXML)
				}
			}
			b.defaultSSE = in.Rule.ApplyServerSideEncryptionByDefault.SSEAlgorithm
			return nil
		})
}

// listed answers with the first objects of the bucket.
func (m *memory) listed(q *caller) error {
	type object struct{ Key string }
	type listing struct {
		XMLName  xml.Name `xml:"ListBucketResult"`
		Name     string
		Contents []object
	}
	out, err := read(m, q.bucket, func(b *bucket) (*listing, error) {
		l := &listing{Name: q.bucket}
		b.ascend("", func(e *entry) bool {
			l.Contents = append(l.Contents, object{e.key})
			return len(l.Contents) < 1000
		})
		return l, nil
	})
	if err != nil {
		return err
	}
	return q.sendXML(out)
}

func unchecked(*bucket, []byte) error { return nil }

// replication is kept and returned; nothing is replicated.
func (m *memory) replication(q *caller) error {
	return m.stored(q, "ReplicationConfigurationNotFoundError",
		func(s *settings) *[]byte { return &s.replication }, unchecked)
}

// notification is kept and returned; nobody is notified.
func (m *memory) notification(q *caller) error {
	if q.method == fiber.MethodGet {
		data, err := read(m, q.bucket, func(b *bucket) ([]byte, error) { return b.notification, nil })
		if err == nil && data == nil {
			data = []byte(`<NotificationConfiguration xmlns="` + s3Namespace + `"></NotificationConfiguration>`)
		}
		if err != nil {
			return err
		}
		return q.send(fiber.StatusOK, data)
	}
	return m.stored(q, "", func(s *settings) *[]byte { return &s.notification }, unchecked)
}
