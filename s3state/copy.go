package s3state

import (
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
)

// copyAll copies what the target does not have yet.
func (r *restorer) copyAll(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan planned)
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
	done := func(o planned, err error, skipped bool, before int64) {
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
		r.ev.emit(CopyProgress{
			Objects: r.res.Copied + r.res.Skipped, TotalObjects: r.plan.count,
			Bytes: bytes, TotalBytes: r.plan.bytes, Skipped: r.res.Skipped,
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
	err := r.missingInTarget(ctx, func(o planned) error {
		select {
		case work <- o:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}, func(o planned) { done(o, nil, true, 0) })
	close(work)
	wg.Wait()
	if failed.Total > 0 {
		return &failed
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// missingInTarget gives every planned object to todo or, where the target has
// it already, to have.
func (r *restorer) missingInTarget(ctx context.Context, todo func(planned) error, have func(planned)) error {
	p, err := r.plan.reader()
	if err != nil {
		return err
	}
	rest := func(until string, all bool) error {
		for {
			o, err := p.peek()
			if err != nil || o == nil || !all && o.Key >= until {
				return err
			}
			if _, err := p.next(); err != nil {
				return err
			}
			if err := todo(*o); err != nil {
				return err
			}
		}
	}
	if r.resume {
		err := r.s.listVersions(ctx, r.opts.Target, "", r.ev, func(entries []Version) error {
			for i := range entries {
				e := &entries[i]
				if !e.IsLatest || e.DeleteMarker {
					continue
				}
				if err := rest(e.Key, false); err != nil {
					return err
				}
				o, err := p.peek()
				if err != nil {
					return err
				}
				if o == nil || o.Key != e.Key {
					continue // compare will complain
				}
				taken, _ := p.next()
				if differs, _ := copyDiffers(&taken, e); differs == "" {
					have(taken)
				} else if err := todo(taken); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return rest("", true)
}

// copyDiffers says how a copy differs from the version it was made of, and
// whether the ETags could be compared.
func copyDiffers(o *planned, e *Version) (reason string, checked bool) {
	if e.Size != o.Size {
		return fmt.Sprintf("the copy has %d bytes, not %d", e.Size, o.Size), true
	}
	return etagDiffers(o.ETag, e.ETag)
}

// etagDiffers compares ETags as far as they say something about the content:
// a copy of a multipart upload may get the plain MD5, and the other way round.
func etagDiffers(want, got string) (reason string, checked bool) {
	want, got = bareETag(want), bareETag(got)
	switch {
	case want == got:
		return "", true
	case plainETag(want) && plainETag(got):
		return fmt.Sprintf("the copy has ETag %s, not %s", got, want), true
	}
	return "", false
}

func (r *restorer) copyOne(ctx context.Context, o planned) error {
	src := minio.CopySrcOptions{Bucket: r.opts.Source, Object: o.Key, VersionID: o.VersionID}
	dst := minio.CopyDestOptions{Bucket: r.opts.Target, Object: o.Key}
	limit := r.s.timeout + time.Duration(o.Size/(10<<20))*time.Second
	var up minio.UploadInfo
	err := r.s.retry(ctx, r.opts.Target, "copy "+o.Key, limit, r.ev, func(ctx context.Context) (err error) {
		if o.Size > r.s.copyLimit {
			up, err = r.s.copyParts(ctx, dst, src)
			if code(err) == "AccessDenied" {
				// Ceph RGW 16 overlooks the source's bucket policy when it
				// copies parts, but copies an object of any size at once.
				var plainErr error
				if up, plainErr = r.s.copyWhole(ctx, dst, src); plainErr == nil {
					err = nil
				}
			}
		} else {
			up, err = r.s.copyWhole(ctx, dst, src)
		}
		return err
	})
	if err != nil {
		return wrap(err, "copy")
	}
	if reason, _ := etagDiffers(o.ETag, up.ETag); reason != "" && up.ETag != "" {
		return fmt.Errorf("%w: %s", ErrCopyDiffers, reason)
	}
	return nil
}

// copyParts copies an object larger than S3 copies in one request (5 GiB).
// Such a copy does not take the metadata along by itself.
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

// compare checks that the target holds what the state names and nothing else.
func (r *restorer) compare(ctx context.Context) error {
	failed := BatchError{Op: "compare", Bucket: r.opts.Target}
	differs := func(key, version, reason string) {
		failed.add(KeyError{key, version, fmt.Errorf("%w: %s", ErrCopyDiffers, reason)})
	}
	p, err := r.plan.reader()
	if err != nil {
		return err
	}
	r.res.Objects, r.res.Bytes, r.res.ETagUnchecked = 0, 0, 0
	passed := func(until string, all bool) error {
		for {
			o, err := p.peek()
			if err != nil || o == nil || !all && o.Key >= until {
				return err
			}
			differs(o.Key, o.VersionID, "it is not in the target")
			if _, err := p.next(); err != nil {
				return err
			}
		}
	}
	err = r.s.listVersions(ctx, r.opts.Target, "", r.ev, func(entries []Version) error {
		for i := range entries {
			e := &entries[i]
			if !e.IsLatest || e.DeleteMarker {
				continue
			}
			if err := passed(e.Key, false); err != nil {
				return err
			}
			o, err := p.peek()
			if err != nil {
				return err
			}
			if o == nil || o.Key != e.Key {
				differs(e.Key, e.VersionID, "the target has a key that the state does not name")
				continue
			}
			taken, _ := p.next()
			reason, checked := copyDiffers(&taken, e)
			if reason != "" {
				differs(taken.Key, taken.VersionID, reason)
				continue
			}
			if !checked {
				r.res.ETagUnchecked++
			}
			r.res.Objects++
			r.res.Bytes += e.Size
		}
		return nil
	})
	if err == nil {
		err = passed("", true)
	}
	if err != nil {
		return err
	}
	if failed.Total > 0 {
		return &failed
	}
	return nil
}
