package restic

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"

	engbackend "github.com/restic/restic/rwmlink/backend"
	englayout "github.com/restic/restic/rwmlink/layout"
	engutil "github.com/restic/restic/rwmlink/util"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

type s3Location struct {
	client         *minio.Client
	bucket, prefix string
}

func (l *s3Location) String() string {
	if l.client == nil {
		return "s3:" + path.Join(l.bucket, l.prefix)
	}
	return "s3:" + strings.TrimSuffix(l.client.EndpointURL().String(), "/") + "/" + path.Join(l.bucket, l.prefix)
}

func (l *s3Location) backend(_ context.Context, o *options, _ bool) (engbackend.Backend, error) {
	switch {
	case l.client == nil:
		return nil, fmt.Errorf("%s: no S3 client is given", l)
	case l.bucket == "":
		return nil, fmt.Errorf("%s: no bucket is given", l)
	}
	return newS3Backend(l, o), nil
}

// s3Backend keeps a repository in a bucket, in restic's default layout. One request is
// one attempt, plus the client's own retries; the retry layer above adds more.
type s3Backend struct {
	client      *minio.Client
	core        minio.Core
	lists       *s3versions.Client
	bucket      string
	prefix      string
	layout      englayout.Layout
	connections uint
	class       string // of new objects
	stallAfter  time.Duration
	removals    *removals

	answered    atomic.Bool // the server has answered at least once
	noChecksums atomic.Bool // the server refuses x-amz-checksum-sha256
	ceph        atomic.Bool // the server has answered as Ceph RGW does
	sealing     sealing
	trees       treesHeld
	keyTimes    sync.Map // of keys that were listed, by their names
}

var _ engbackend.Backend = (*s3Backend)(nil)

func newS3Backend(l *s3Location, o *options) *s3Backend {
	prefix := strings.Trim(l.prefix, "/")
	b := &s3Backend{
		client: l.client, core: minio.Core{Client: l.client}, lists: lists(l.client, o), bucket: l.bucket, prefix: prefix,
		layout: englayout.NewDefaultLayout(prefix, path.Join), connections: o.connections, stallAfter: o.stallAfter,
		class: o.storageClass,
	}
	b.removals = newRemovals(b.removeOne, b.removeMany)
	return b
}

func (b *s3Backend) Properties() engbackend.Properties {
	return engbackend.Properties{Connections: b.connections, HasAtomicReplace: true}
}

func (b *s3Backend) Hasher() hash.Hash { return nil }

func (b *s3Backend) Close() error { return nil }

// Delete would remove a whole repository. Nothing here calls it, and nothing should in
// a bucket that must survive attacks.
func (b *s3Backend) Delete(context.Context) error {
	return fmt.Errorf("%s: deleting a whole repository is not supported", b.bucket)
}

func (b *s3Backend) Warmup(context.Context, []engbackend.Handle) ([]engbackend.Handle, error) {
	return nil, nil
}

func (b *s3Backend) WarmupWait(context.Context, []engbackend.Handle) error { return nil }

// Load streams an object or a part of it to fn.
func (b *s3Backend) Load(ctx context.Context, h engbackend.Handle, length int, offset int64, fn func(rd io.Reader) error) error {
	return b.load(ctx, h, "", length, offset, fn)
}

// load is Load of a version; "" means the current one.
func (b *s3Backend) load(ctx context.Context, h engbackend.Handle, version string, length int, offset int64, fn func(rd io.Reader) error) error {
	w, ctx := b.watch(ctx)
	defer w.stop()
	key := b.layout.Filename(h)
	if version == "" {
		if refused := b.refusedBefore(h); refused != nil {
			return b.loadTreeCopy(ctx, h, length, offset, refused, fn)
		}
	}
	fail := func(err error) error {
		if version != "" {
			return b.fail("GET", key+"?versionId="+version, err)
		}
		return b.fail("GET", key, err)
	}
	open := func(ctx context.Context, _ engbackend.Handle, length int, offset int64) (io.ReadCloser, error) {
		rd, err := b.get(ctx, key, version, length, offset)
		if err != nil {
			return nil, b.packRefused(ctx, h, fail(err))
		}
		b.answered.Store(true)
		w.pause()
		return w.download(rd), nil
	}
	err := engutil.DefaultLoad(ctx, h, length, offset, open, func(rd io.Reader) error {
		return fn(&bodyReader{rd: rd, fail: fail})
	})
	if refused, ok := err.(*s3Error); ok && refused.cause == ErrSealed {
		if version == "" {
			return b.loadTreeCopy(ctx, h, length, offset, refused, fn)
		}
		endSealed(ctx, refused)
	}
	return w.explain(err, func() error { return fail(errStalled) })
}

func (b *s3Backend) get(ctx context.Context, key, version string, length int, offset int64) (io.ReadCloser, error) {
	opts := minio.GetObjectOptions{VersionID: version}
	ranged := length > 0 || offset > 0
	switch {
	case length > 0:
		if err := opts.SetRange(offset, offset+int64(length)-1); err != nil {
			return nil, err
		}
	case offset > 0:
		if err := opts.SetRange(offset, 0); err != nil {
			return nil, err
		}
	}
	body, info, header, err := b.core.GetObject(ctx, b.bucket, key, opts)
	if err != nil {
		return nil, err
	}
	if s3err.CephRequestID(header.Get("X-Amz-Request-Id")) {
		b.ceph.Store(true)
	}
	if ranged && header.Get("Content-Range") == "" && (offset > 0 || info.Size != int64(length)) {
		_ = body.Close()
		return nil, errors.New("the server ignored the requested range")
	}
	if length > 0 && info.Size >= 0 && info.Size != int64(length) {
		_ = body.Close()
		return nil, tooShort(fmt.Sprintf("%d bytes were requested from offset %d, but only %d are there", length, offset, info.Size))
	}
	return body, nil
}

// Stat returns an object's size.
func (b *s3Backend) Stat(ctx context.Context, h engbackend.Handle) (engbackend.FileInfo, error) {
	w, ctx := b.watch(ctx)
	defer w.stop()
	key := b.layout.Filename(h)
	info, err := b.client.StatObject(ctx, b.bucket, key, minio.StatObjectOptions{})
	if err != nil {
		err = b.packRefused(ctx, h, b.fail("HEAD", key, err))
		if refused, ok := err.(*s3Error); ok && refused.cause == ErrSealed {
			endSealed(ctx, refused)
		}
		return engbackend.FileInfo{}, w.explain(err, func() error { return b.fail("HEAD", key, errStalled) })
	}
	b.answered.Store(true)
	return engbackend.FileInfo{Name: h.Name, Size: info.Size}, nil
}

// bodyReader adds the object's name to read errors.
type bodyReader struct {
	rd   io.Reader
	fail func(error) error
}

func (r *bodyReader) Read(p []byte) (int, error) {
	n, err := r.rd.Read(p)
	if err != nil && err != io.EOF {
		err = r.fail(err)
	}
	return n, err
}
