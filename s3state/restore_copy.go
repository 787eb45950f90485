package s3state

import (
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"sync"
	"time"

	"github.com/cesnet/rwm/internal/reqctx"
	"github.com/cesnet/rwm/internal/s3err"
	"github.com/minio/minio-go/v7"
)

// copyAll copies what the target does not have yet.
func (r *restorer) copyAll(ctx context.Context) error {
	outer := ctx
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)
	work := make(chan entry)
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		failed = BatchError{Op: "restore into", Bucket: r.opts.Target}
		bytes  int64
	)
	copied := func() int64 {
		mu.Lock()
		defer mu.Unlock()
		return r.res.Copied
	}
	done := func(o entry, err error, skipped bool, before int64) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil && ctx.Err() != nil:
			return // a consequence, not a cause
		case err != nil:
			failed.add(KeyError{o.Key, o.VersionID, err})
			// A server that answered others meanwhile is not unreachable.
			if hopeless(err) && !(errors.Is(err, ErrUnreachable) && r.res.Copied > before) || failed.Total >= maxListed {
				cancel(&failed)
			}
			return
		case skipped:
			r.res.Skipped++
		default:
			r.res.Copied++
		}
		bytes += o.Size
		r.rep.emit(CopyProgress{
			Objects: r.res.Copied + r.res.Skipped, TotalObjects: r.manifest.count,
			Bytes: bytes, TotalBytes: r.manifest.bytes, Skipped: r.res.Skipped,
		})
	}
	for range r.opts.Parallel {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for o := range work {
				if ctx.Err() == nil {
					before := copied()
					if err := r.stillOurs(ctx, false); err != nil {
						cancel(err)
						continue
					}
					done(o, r.copyOne(ctx, o), false, before)
				}
			}
		}()
	}
	err := r.missingInTarget(ctx, func(o entry) error {
		select {
		case work <- o:
			return nil
		case <-ctx.Done():
			return reqctx.Cause(outer, ctx)
		}
	}, func(o entry) { done(o, nil, true, 0) })
	close(work)
	wg.Wait()
	if failed.Total > 0 {
		return &failed
	}
	if cause := reqctx.Cause(outer, ctx); cause != nil {
		return cause
	}
	return err
}

// missingInTarget passes every entry to todo or, if the target has it already, to have.
func (r *restorer) missingInTarget(ctx context.Context, todo func(entry) error, have func(entry)) error {
	w, err := newWalk(r.manifest, todo)
	if err != nil {
		return err
	}
	if r.resume {
		err := r.s.listCurrent(ctx, r.opts.Target, r.rep, func(v *Version) error {
			o, err := w.to(v.Key)
			if err != nil || o == nil {
				return err // compare reports what should not be there
			}
			if differs, _ := r.copyDiffers(ctx, o, v); differs != "" {
				return todo(*o)
			}
			have(*o)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return w.end()
}

func (r *restorer) copyOne(ctx context.Context, o entry) error {
	src := minio.CopySrcOptions{Bucket: r.opts.Source, Object: o.Key, VersionID: o.VersionID}
	dst := minio.CopyDestOptions{Bucket: r.opts.Target, Object: o.Key}
	limit := r.s.timeout + time.Duration(o.Size/(10<<20))*time.Second
	var up minio.UploadInfo
	err := r.s.observed(r.rep).Retry(ctx, r.opts.Target, "copy "+o.Key, limit, func(ctx context.Context) (err error) {
		if o.Size > r.s.copyLimit {
			up, err = r.s.copyParts(ctx, dst, src)
			if s3err.Code(err) == "AccessDenied" {
				// Ceph RGW 16 overlooks the source's bucket policy when it
				// copies parts, but copies an object of any size at once.
				var plainErr error
				if up, plainErr = r.s.s3.Copy(ctx, dst, src); plainErr == nil {
					err = nil
				}
			}
		} else {
			up, err = r.s.s3.Copy(ctx, dst, src)
		}
		return err
	})
	if err != nil {
		return s3err.Wrap(err, "copy")
	}
	if reason, _ := etagDiffers(o.ETag, up.ETag); reason != "" && up.ETag != "" && r.etagsSpeak(ctx) {
		return fmt.Errorf("%w: %s", ErrCopyDiffers, reason)
	}
	return nil
}

// copyParts copies an object larger than S3 copies in one request (5 GiB). Such a copy
// does not include the metadata by itself.
func (s *Store) copyParts(ctx context.Context, dst minio.CopyDestOptions, src minio.CopySrcOptions) (minio.UploadInfo, error) {
	info, err := s.client.StatObject(ctx, src.Bucket, src.Object, minio.StatObjectOptions{VersionID: src.VersionID})
	if err != nil {
		return minio.UploadInfo{}, err
	}
	meta := make(map[string]string)
	for k, v := range info.UserMetadata {
		meta[k] = v
	}
	for _, k := range []string{"Content-Type", "Content-Encoding", "Content-Disposition", "Content-Language", "Cache-Control"} {
		if v := info.Metadata.Get(textproto.CanonicalMIMEHeaderKey(k)); v != "" {
			meta[k] = v
		}
	}
	dst.ReplaceMetadata, dst.UserMetadata, dst.PartSize = true, meta, uint64(s.partSize)
	return s.client.ComposeObject(ctx, dst, src)
}
