package s3state

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Inspect judges a lock, a key, an index or a snapshot whose bytes are the ones its
// name stands for, or a config that has replaced another one. One is judged at a
// time. An error ends the reading.
type Inspect func(v Version, body []byte) (Verdict, error)

// Verdict is what Inspect finds.
type Verdict struct {
	Suspicious string // what no run of restic writes, in words; "" if all is well
	// Void says of a lock that restic removes nothing while it holds it, as it is not
	// an exclusive one, or not of the time at which it was written.
	Void bool
}

const (
	// readMost and readMostOf bound what History reads by itself. Both are some
	// seconds' worth over a network.
	readMost   = 4096
	readMostOf = 256 << 20 // bytes
	// readLargest is what no index of restic's reaches, nor anything else that is
	// read: an index file has up to 50,000 entries.
	readLargest = 32 << 20
	readAtOnce  = 8
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

// reading is one reading of what History judges by more than the listing.
type reading struct {
	s       *Store
	bucket  string
	h       *historian
	inspect Inspect // may be nil

	mu    sync.Mutex // guards h, and calls of inspect
	could bool       // something was read
}

// readMetadata reads keys, indexes and snapshots, the locks by which deletions are
// explained, and for inspect also configs. It compares their bytes with their names.
// Only with all are more than readMost locks read.
func (s *Store) readMetadata(ctx context.Context, bucket string, h *historian, inspect Inspect, all bool) error {
	h.unread.trim()
	if err := s.explain(ctx, bucket, h); err != nil {
		return err
	}
	locks := h.evidence.locks
	if !all {
		locks = locks[:min(len(locks), readMost)]
	}
	h.res.Unread += len(h.evidence.locks) - len(locks) // these count as before
	r := &reading{s: s, bucket: bucket, h: h, inspect: inspect}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(readAtOnce)
	for i := range h.unread.all {
		g.Go(func() error { return r.metadata(gctx, &h.unread.all[i]) })
	}
	for i := range locks {
		if l := &locks[i]; !l.void {
			g.Go(func() error { return r.lock(gctx, l) })
		}
	}
	for i := range h.configs {
		if inspect != nil {
			g.Go(func() error { return r.config(gctx, &h.configs[i]) })
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	r.judgeLocks()
	return nil
}

// explain lists the locks once more and keeps those by which deletions are explained,
// the newest first.
func (s *Store) explain(ctx context.Context, bucket string, h *historian) error {
	again := newHistorian(bucket)
	again.evidence.wanted = h.evidence.when()
	if len(again.evidence.wanted) > 0 {
		err := s.listVersions(ctx, bucket, "locks/", nil, func(entries []Version) error { again.take(entries); return nil })
		if err != nil {
			return err
		}
		again.end(defaultQuiet)
	}
	h.evidence.locks = again.evidence.locks
	slices.SortFunc(h.evidence.locks, func(a, b heldLock) int { return cmp.Compare(b.from, a.from) })
	return nil
}

// judgeLocks marks what no lock explains now. A lock that the server refuses explains
// nothing, unless nothing could be read: then it is the caller who may not.
func (r *reading) judgeLocks() {
	for i := range r.h.evidence.locks {
		l := &r.h.evidence.locks[i]
		if l.refused {
			r.h.res.Unread++
			l.void = r.could
		}
	}
	for _, found := range r.h.evidence.unlocked() {
		r.h.suspect(found)
	}
}

// read brings an object and judges it. ok is false if it could not be read, which is
// nobody's fault or the caller's.
func (r *reading) read(ctx context.Context, v *Version) (verdict Verdict, ok bool, err error) {
	what := TypeOf(v.Key)
	if v.Size > readLargest {
		return Verdict{Suspicious: fmt.Sprintf("it is too large (%d bytes) for a %s", v.Size, what)}, true, nil
	}
	body := bytes.NewBuffer(make([]byte, 0, v.Size))
	_, err = r.s.fetchChecked(ctx, r.bucket, planOfVersion(v), body)
	switch {
	case errors.Is(err, ErrCorrupt):
		return Verdict{Suspicious: fmt.Sprintf("it is no %s: its bytes are not the ones its name stands for", what)}, true, nil
	case refusedAlone(err):
		return Verdict{}, false, nil
	case err != nil:
		return Verdict{}, false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.could = true
	if r.inspect != nil {
		verdict, err = r.inspect(*v, body.Bytes())
	}
	return verdict, true, err
}

func (r *reading) metadata(ctx context.Context, v *Version) error {
	verdict, ok, err := r.read(ctx, v)
	r.mu.Lock()
	defer r.mu.Unlock()
	if ok {
		r.h.res.Unread--
	}
	if verdict.Suspicious != "" {
		r.h.suspect(Suspicion{v.LastModified, v.Key, v.VersionID, verdict.Suspicious})
	}
	return err
}

func (r *reading) lock(ctx context.Context, l *heldLock) error {
	verdict, ok, err := r.read(ctx, l.v)
	r.mu.Lock()
	defer r.mu.Unlock()
	l.refused, l.void = !ok, verdict.Void || verdict.Suspicious != ""
	if verdict.Suspicious != "" {
		r.h.suspect(Suspicion{l.v.LastModified, l.v.Key, l.v.VersionID, verdict.Suspicious})
	}
	return err
}

func (r *reading) config(ctx context.Context, c *replacedConfig) error {
	verdict, ok, err := r.read(ctx, &c.Version)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && ok && verdict.Suspicious == "" {
		r.h.right(c)
	}
	return err
}

// refusedAlone tells the errors that concern one object: that it is gone, archived,
// encrypted with a key of the writer's, or not to be read by the caller. Whoever
// writes an object can make the server refuse it, and must not stop the reading of all
// others by that.
func refusedAlone(err error) bool {
	if errors.Is(err, ErrNoState) {
		return true
	}
	switch status(err) {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusConflict,
		http.StatusGone, http.StatusPreconditionFailed, http.StatusUnsupportedMediaType:
		return !errors.Is(err, ErrCredentials) && !errors.Is(err, ErrNoBucket)
	}
	return false
}
