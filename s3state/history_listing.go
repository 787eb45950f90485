package s3state

import (
	"context"
	"fmt"
)

// Listing is a bucket's version listing as History needs it, see
// [Store.ListForHistory]. It holds the current objects, some 90 bytes each, if they are
// to be proved.
type Listing struct {
	timeline *timeline
	newest   *newestView
}

// ListForHistory lists a bucket for a later [Store.History], and gives each page to
// onPage, which may be nil, so that the caller and the history work on the same
// listing. proving says whether that History will have a Prover; opts are its options.
func (s *Store) ListForHistory(ctx context.Context, bucket string, proving bool, opts HistoryOptions, onPage func([]Version) error) (*Listing, error) {
	s = s.made()
	rep := newReporter(opts.OnEvent)
	defer rep.close()
	l := &Listing{timeline: newTimeline(bucket)}
	l.timeline.reads(opts.ReadAll, s.readMost)
	if proving {
		l.newest = newNewestView(s.rightBytes(ctx, bucket))
	}
	if err := s.listHistory(ctx, bucket, l.timeline, l.newest, rep, onPage); err != nil {
		return nil, err
	}
	return l, nil
}

// use takes out what was listed, for one History. A nil Listing is empty.
func (l *Listing) use(bucket string, all bool) (*timeline, *newestView, error) {
	if l == nil {
		return nil, nil, nil
	}
	h, newest := l.timeline, l.newest
	switch {
	case h == nil:
		return nil, nil, fmt.Errorf("the listing of bucket %s was used already", bucket)
	case h.res.Bucket != bucket || h.unread.every != all:
		return nil, nil, fmt.Errorf("the listing of bucket %s was taken for another history", h.res.Bucket)
	}
	l.timeline, l.newest = nil, nil
	return h, newest, nil
}

// listHistory lists a bucket for a timeline, and for newest and onPage if those are not
// nil.
func (s *Store) listHistory(ctx context.Context, bucket string, h *timeline, newest *newestView, rep *reporter, onPage func([]Version) error) error {
	err := s.listVersions(ctx, bucket, "", rep, func(entries []Version) error {
		h.take(entries)
		if onPage != nil {
			if err := onPage(entries); err != nil {
				return err
			}
		}
		if newest == nil {
			return nil
		}
		return newest.take(entries)
	})
	if err == nil && newest != nil {
		err = newest.end()
	}
	return err
}
