package s3state

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"

	"github.com/cesnet/rwm/internal/reqctx"
)

// readAgain reads what was written more than once. It may have been overwritten with
// something else, and even with the same size and ETag the server may be unable to
// return the new version. Packs that the caller reads too are for it to count.
func (s *Store) readAgain(ctx context.Context, bucket string, now *currentState, opts CheckStorageOptions, c *StorageCheck, last bool, rep *reporter) error {
	theirs := opts.LeavePacks && opts.ReadPercent > 0
	all := func(entry) (bool, error) { return true, nil }
	counts := func(o entry) bool { return !theirs || TypeOf(o.Key) != TypePack }
	return s.readObjects(ctx, bucket, now.again, all, counts, c, last, rep)
}

// readSome reads what the options ask for and readAgain has not read; again may be nil.
func (s *Store) readSome(ctx context.Context, bucket string, p, again *manifest, opts CheckStorageOptions, c *StorageCheck, last bool, rep *reporter) error {
	read, err := newSubsequence(again)
	if err != nil {
		return err
	}
	wanted := func(o entry) (bool, error) {
		if done, err := read.has(o); done || err != nil {
			return false, err
		}
		return rand.Float64()*100 < opts.ReadPercent && !(opts.LeavePacks && TypeOf(o.Key) == TypePack), nil
	}
	return s.readObjects(ctx, bucket, p, wanted, func(entry) bool { return true }, c, last, rep)
}

// subsequence tells which entries of a manifest are also in a second one, which has
// them in the same order.
type subsequence struct {
	r    *manifestReader
	next *entry // nil: there are no more
}

func newSubsequence(p *manifest) (*subsequence, error) {
	if p == nil {
		return &subsequence{}, nil
	}
	r, err := p.reader()
	if err != nil {
		return nil, err
	}
	s := &subsequence{r: r}
	return s, s.advance()
}

func (s *subsequence) advance() error {
	o, err := s.r.next()
	switch {
	case err == io.EOF:
		s.next = nil
		return nil
	case err != nil:
		return err
	}
	s.next = &o
	return nil
}

// has is asked about the entries of the first manifest in their order.
func (s *subsequence) has(o entry) (bool, error) {
	if s.next == nil || s.next.Key != o.Key {
		return false, nil
	}
	return true, s.advance()
}

// readObjects reads the wanted objects and checks their bytes against their names or
// ETags. Those that counts names are added to c.Read.
func (s *Store) readObjects(ctx context.Context, bucket string, p *manifest, wanted func(entry) (bool, error), counts func(entry) bool, c *StorageCheck, last bool, rep *reporter) error {
	r, err := p.reader()
	if err != nil {
		return err
	}
	outer := ctx
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)
	work := make(chan entry)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var read, bytes, refused int64
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
				read++
				if counts(o) {
					c.Read++
				}
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
				rep.emit(CopyProgress{Objects: read, TotalObjects: p.count, Bytes: bytes, TotalBytes: p.bytes})
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
		var want bool
		if want, err = wanted(o); err != nil {
			break
		}
		if !want {
			continue
		}
		select {
		case work <- o:
		case <-ctx.Done():
		}
	}
	close(work)
	wg.Wait()
	if cause := reqctx.Cause(outer, ctx); cause != nil {
		return cause
	}
	if err == nil && refused > 0 && refused == read {
		return refusal // the caller may not read at all
	}
	return err
}
