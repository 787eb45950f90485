package s3state

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Inspect judges a key, an index or a snapshot whose bytes are the ones its name
// stands for. It returns what no run of restic writes, in words, or "". It is called
// by several goroutines.
type Inspect func(v Version, body []byte) string

const (
	// readMost and readMostOf bound what History reads by itself. Both are some
	// seconds' worth over a network.
	readMost    = 4096
	readMostOf  = 256 << 20 // bytes
	readLargest = 64 << 20  // no index is as large
)

// recent keeps the newest of the versions that could be read.
type recent struct {
	all   []Version
	total int // including those dropped
	every bool
}

func (r *recent) add(v *Version) {
	r.total++
	r.all = append(r.all, *v)
	if !r.every && len(r.all) >= 2*readMost {
		r.trim()
	}
}

// trim drops the oldest beyond what is read.
func (r *recent) trim() {
	slices.SortStableFunc(r.all, func(a, b Version) int {
		return cmp.Or(b.LastModified.Compare(a.LastModified), cmp.Compare(a.Key, b.Key))
	})
	if r.every {
		return
	}
	r.all = r.all[:min(len(r.all), readMost)]
	var size int64
	for i := range r.all {
		if size += r.all[i].Size; size > readMostOf {
			r.all = r.all[:i]
			break
		}
	}
}

// readMetadata reads keys, indexes and snapshots and compares their bytes with their
// names. inspect, if not nil, is asked about those that are right.
func (s *Store) readMetadata(ctx context.Context, bucket string, h *historian, inspect Inspect) error {
	h.unread.trim()
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for i := range h.unread.all {
		v := &h.unread.all[i]
		if v.Size > readLargest {
			continue
		}
		g.Go(func() error {
			var body bytes.Buffer
			_, err := s.fetchChecked(ctx, bucket, planned{v.Key, v.VersionID, v.ETag, v.Size, v.LastModified}, &body)
			reason := ""
			switch {
			case errors.Is(err, ErrCorrupt):
				reason = "it is no " + string(TypeOf(v.Key)) + ": its bytes are not the ones its name stands for"
			case err != nil && !errors.Is(err, ErrAccessDenied) && !errors.Is(err, ErrNoState):
				return err
			case err == nil && inspect != nil:
				reason = inspect(*v, body.Bytes())
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil || reason != "" {
				h.res.Unread--
			}
			if reason != "" {
				h.suspect(Suspicion{v.LastModified, v.Key, v.VersionID, reason})
			}
			return nil
		})
	}
	return g.Wait()
}

// judgeStates compares the newest n saved states with the history, and then the one
// that LastGoodState names, until that is not contradicted.
func (s *Store) judgeStates(ctx context.Context, bucket string, h *historian, n int) error {
	states := h.res.States
	n = min(n, len(states))
	if err := s.verifyNewest(ctx, bucket, states, n); err != nil {
		return err
	}
	for i := len(states) - n; i < len(states); i++ {
		h.judgeState(&states[i])
	}
	for h.sum(); h.res.LastGoodState != nil; h.sum() {
		i := slices.IndexFunc(states, func(st SavedState) bool {
			return st.Key == h.res.LastGoodState.Key && st.VersionID == h.res.LastGoodState.VersionID
		})
		one := states[i : i+1]
		if one[0].Verification != nil || one[0].Unreadable != nil {
			break
		}
		if err := s.verifyNewest(ctx, bucket, one, 1); err != nil {
			return err
		}
		if one[0].Verification == nil && one[0].Unreadable == nil {
			break // it may not be read
		}
		h.judgeState(&one[0])
	}
	return nil
}

func (h *historian) judgeState(st *SavedState) {
	switch {
	case errors.Is(st.Unreadable, errForeignState): // came here with a restore
	case st.Unreadable != nil:
		h.suspect(Suspicion{st.Time, st.Key, st.VersionID, "it is no saved state that can be read"})
	case st.Verification != nil && st.Verification.Status == Differs:
		h.suspect(Suspicion{st.Time, st.Key, st.VersionID, "the version history contradicts this saved state" + st.Verification.first()})
	}
}
