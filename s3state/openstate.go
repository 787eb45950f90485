package s3state

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/s3utils"
)

func sortStates(states []SavedState) {
	slices.SortStableFunc(states, func(a, b SavedState) int {
		if c := a.Time.Compare(b.Time); c != 0 {
			return c
		}
		return strings.Compare(a.Key, b.Key)
	})
}

// OpenState opens a saved state by its key and version id; an empty version id
// means the current one. Close the reader.
//
// Errors: ErrNoState, ErrBadState (not gzip), ErrNoBucket, ErrAccessDenied.
func (s *Store) OpenState(ctx context.Context, bucket, key, versionID string) (*StateReader, error) {
	body, _, err := s.openObject(ctx, bucket, key, versionID)
	if err != nil {
		return nil, err
	}
	sr, err := ReadPackedState(body)
	if err != nil {
		body.Close()
		if errors.Is(err, ErrBadState) {
			return nil, fmt.Errorf("state %q version %s in bucket %s: %w", key, versionID, bucket, err)
		}
		return nil, err
	}
	sr.closer = body.Close
	return sr, nil
}

// ReadPackedState reads a state as it is saved, compressed with gzip. Input
// that expands far more than any state does is refused.
func ReadPackedState(r io.Reader) (*StateReader, error) {
	in := &countReader{r: r}
	zip, err := gzip.NewReader(in)
	if err != nil {
		if in.err != nil && !errors.Is(in.err, io.EOF) {
			return nil, in.err
		}
		return nil, fmt.Errorf("%w: it is not compressed with gzip", ErrBadState)
	}
	return ReadState(&bombGuard{zip: zip, in: in}), nil
}

// A state shrinks to about a fifth, for most of it is random: hashes, version
// ids, ETags. Even one of equal entries hardly gets below a hundredth.
const (
	bombRatio = 300
	bombFrom  = 32 << 20 // bytes of output before the ratio counts
)

type bombGuard struct {
	zip *gzip.Reader
	in  *countReader
	out int64
}

func (g *bombGuard) Read(p []byte) (int, error) {
	n, err := g.zip.Read(p)
	g.out += int64(n)
	if g.out > bombFrom && g.out/bombRatio > g.in.n {
		return 0, fmt.Errorf("%w: it expands more than %d times, as no state does", ErrBadState, bombRatio)
	}
	if err != nil && err != io.EOF {
		if g.in.err != nil && !errors.Is(g.in.err, io.EOF) {
			return n, g.in.err // the connection's fault
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return n, fmt.Errorf("%w: it is truncated", ErrBadState)
		}
		return n, fmt.Errorf("%w: %v", ErrBadState, err)
	}
	return n, err
}

type countReader struct {
	r   io.Reader
	n   int64
	err error
}

func (c *countReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil {
		c.err = err
	}
	return n, err
}

// openObject opens one version of an object for reading; a connection that
// breaks off is taken up again where it stopped.
func (s *Store) openObject(ctx context.Context, bucket, key, versionID string) (io.ReadCloser, minio.ObjectInfo, error) {
	if err := checkBucketName(bucket); err != nil {
		return nil, minio.ObjectInfo{}, err
	}
	if key == "" {
		return nil, minio.ObjectInfo{}, fmt.Errorf("%w: no state key given", ErrInvalid)
	}
	if err := s3utils.CheckValidObjectName(key); err != nil {
		// minio-go's own opinion, to which asking again changes nothing.
		return nil, minio.ObjectInfo{}, fmt.Errorf("%w: key %q: %v", ErrInvalid, key, err)
	}
	r := &resumingReader{ctx: ctx, s: s, bucket: bucket, key: key, version: versionID}
	if err := r.open(); err != nil {
		return nil, minio.ObjectInfo{}, r.explain(err)
	}
	return r, r.info, nil
}

type resumingReader struct {
	ctx                  context.Context
	s                    *Store
	bucket, key, version string
	body                 io.ReadCloser
	cancel               context.CancelFunc
	watch                *time.Timer
	info                 minio.ObjectInfo
	offset               int64
	failures             int
}

// open requests the object from the offset on.
func (r *resumingReader) open() error {
	return r.s.retry(r.ctx, r.bucket, "get "+r.key, r.s.timeout, nil, func(actx context.Context) error {
		opts := minio.GetObjectOptions{VersionID: r.version}
		if r.offset > 0 {
			if err := opts.SetRange(r.offset, 0); err != nil {
				return err
			}
			if err := opts.SetMatchETag(r.info.ETag); err != nil {
				return err
			}
		}
		// The body is read after this attempt's time limit has gone.
		ctx, cancel := context.WithCancel(r.ctx)
		stop := context.AfterFunc(actx, cancel)
		body, info, _, err := r.s.core.GetObject(ctx, r.bucket, r.key, opts)
		if !stop() || err != nil {
			if err == nil {
				body.Close()
				err = context.Cause(actx)
			}
			cancel()
			return err
		}
		r.body, r.cancel = body, cancel
		r.watch = time.AfterFunc(r.s.timeout, cancel)
		if r.offset == 0 {
			r.info = info
		}
		return nil
	})
}

func (r *resumingReader) Read(p []byte) (int, error) {
	for {
		r.watch.Reset(r.s.timeout)
		n, err := r.body.Read(p)
		r.watch.Stop()
		r.offset += int64(n)
		if n > 0 {
			r.failures = 0
			return n, nil
		}
		if err == nil {
			continue
		}
		if err == io.EOF && r.offset >= r.info.Size {
			return 0, io.EOF
		}
		if r.ctx.Err() != nil {
			return 0, r.ctx.Err()
		}
		if r.failures++; r.failures >= r.s.attempts {
			return 0, fmt.Errorf("read %q from bucket %s: %w", r.key, r.bucket, err)
		}
		r.Close()
		if err := r.open(); err != nil {
			return 0, r.explain(err)
		}
	}
}

func (r *resumingReader) Close() error {
	if r.cancel != nil {
		r.cancel()
	}
	return r.body.Close()
}

func (r *resumingReader) explain(err error) error {
	version := r.version
	if version == "" {
		version = "(current)"
	}
	switch code(err) {
	case "NoSuchKey", "NoSuchVersion", "MethodNotAllowed", "InvalidArgument", "InvalidVersionId", "NoSuchObject", "NotFound":
		return &s3Error{what: fmt.Sprintf("bucket %s, key %q version %s", r.bucket, r.key, version), sentinel: ErrNoState, err: describe(err)}
	}
	return wrap(err, "read %q version %s from bucket %s", r.key, version, r.bucket)
}
