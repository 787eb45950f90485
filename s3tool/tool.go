package s3tool

import (
	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// Tool works on the buckets that one client can reach. It is safe for use by several
// goroutines.
type Tool struct {
	client   *minio.Client
	core     minio.Core
	versions *s3versions.Client
	parallel int
	partSize int64
}

// Option changes a Tool.
type Option func(*Tool)

// WithVersions sets the client that lists versions, with the caller's transport, logger
// and retries. By default New makes one.
func WithVersions(client *s3versions.Client) Option {
	return func(t *Tool) { t.versions = client }
}

// WithParallel sets how many objects, or parts of a large one, are transferred at a
// time. The default is 8.
func WithParallel(n int) Option { return func(t *Tool) { t.parallel = max(1, n) } }

// WithPartSize sets the size in bytes of the parts of uploads, at least 5 MiB (S3's
// lower limit). Files larger than one part go up in parts; for very large ones the
// parts grow, because S3 takes no more than 10,000. The default is 16 MiB.
func WithPartSize(bytes int64) Option {
	return func(t *Tool) { t.partSize = max(minPartSize, bytes) }
}

// made returns the Tool itself, or one without a client where it is nil or was not made
// by New: each request is an error then, not a panic.
func (t *Tool) made() *Tool {
	if t == nil || t.client == nil {
		return New(nil)
	}
	return t
}

// New returns a Tool that works through client. With a nil client every request is an
// error; nil options are ignored.
func New(client *minio.Client, opts ...Option) *Tool {
	if client == nil {
		client = s3err.NoClient()
	}
	t := &Tool{client: client, core: minio.Core{Client: client}, parallel: 8, partSize: 16 << 20}
	for _, opt := range opts {
		if opt != nil {
			opt(t)
		}
	}
	if t.versions == nil {
		t.versions = s3versions.New(client)
	}
	return t
}
