package s3state

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
)

// readAgain reads what was written more than once. It may have been overwritten with
// something else, and even with the same size and ETag the server may be unable to
// return the new version.
func (s *Store) readAgain(ctx context.Context, bucket string, now *currentState, c *StorageCheck, last bool, rep *reporter) error {
	return s.readObjects(ctx, bucket, now.again, CheckStorageOptions{ReadPercent: 100}, c, last, rep)
}

// readObjects reads objects and checks their bytes against their names or ETags.
func (s *Store) readObjects(ctx context.Context, bucket string, p *manifest, opts CheckStorageOptions, c *StorageCheck, last bool, rep *reporter) error {
	r, err := p.reader()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan entry)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var bytes, refused int64
	var refusal error
	for range min(s.parallel, 16) {
		wg.Go(func() {
			for o := range work {
				if ctx.Err() != nil {
					continue
				}
				_, err := s.fetchChecked(ctx, bucket, o, io.Discard)
				if !last {
					if gone := s.vanished(ctx, bucket, o.Key, o.VersionID, err); gone != nil {
						err = gone
					}
				}
				mu.Lock()
				c.Read++
				bytes += o.Size
				switch {
				case err == nil:
				case errors.Is(err, ErrDamaged):
					c.problem(o.Key, o.VersionID, "%v", err)
				case refusedAlone(err):
					refused++
					refusal = err
					c.problem(o.Key, o.VersionID, "%v", err)
				case ctx.Err() == nil:
					cancel(err)
				}
				rep.emit(CopyProgress{Objects: c.Read, TotalObjects: p.count, Bytes: bytes, TotalBytes: p.bytes})
				mu.Unlock()
			}
		})
	}
	for ctx.Err() == nil {
		o, rerr := r.next()
		if rerr != nil {
			if rerr != io.EOF {
				err = rerr
			}
			break
		}
		if rand.Float64()*100 >= opts.ReadPercent || opts.LeavePacks && TypeOf(o.Key) == TypePack {
			continue
		}
		select {
		case work <- o:
		case <-ctx.Done():
		}
	}
	close(work)
	wg.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err == nil && refused > 0 && refused == c.Read {
		return refusal // the caller may not read at all
	}
	return err
}
