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
// time.
type Inspect func(v Version, body []byte) Verdict

// Verdict is what Inspect finds.
type Verdict struct {
	Suspicious string // what no run of restic writes, in words; "" if all is well
	// SharedLock says of a lock that it is not exclusive: with such a lock restic
	// removes no pack, index or snapshot.
	SharedLock bool
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

	mu sync.Mutex // guards h, and calls of inspect
}

// readMetadata reads keys, indexes and snapshots, the locks by which deletions are
// explained, and for inspect also configs. It compares their bytes with their names.
func (s *Store) readMetadata(ctx context.Context, bucket string, h *historian, inspect Inspect) error {
	h.unread.trim()
	r := &reading{s: s, bucket: bucket, h: h, inspect: inspect}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readAtOnce)
	for i := range h.unread.all {
		g.Go(func() error { return r.metadata(ctx, &h.unread.all[i]) })
	}
	locks := h.evidence.explaining()
	if !h.unread.every {
		locks = locks[:min(len(locks), readMost)]
	}
	for _, l := range locks {
		g.Go(func() error { return r.lock(ctx, l) })
	}
	for i := range h.configs {
		if inspect != nil {
			g.Go(func() error { return r.config(ctx, &h.configs[i]) })
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, found := range h.evidence.unlocked() {
		h.suspect(found)
	}
	return nil
}

// read brings an object and judges it. ok is false if it could not be read, which is
// nobody's fault or the caller's.
func (r *reading) read(ctx context.Context, v *Version) (verdict Verdict, ok bool, err error) {
	what := TypeOf(v.Key)
	if v.Size > readLargest {
		return Verdict{Suspicious: fmt.Sprintf("it is too large (%d bytes) for a %s", v.Size, what)}, true, nil
	}
	body := bytes.NewBuffer(make([]byte, 0, v.Size))
	_, err = r.s.fetchChecked(ctx, r.bucket, planned{v.Key, v.VersionID, v.ETag, v.Size, v.LastModified}, body)
	switch {
	case errors.Is(err, ErrCorrupt):
		return Verdict{Suspicious: fmt.Sprintf("it is no %s: its bytes are not the ones its name stands for", what)}, true, nil
	case refusedAlone(err):
		return Verdict{}, false, nil
	case err != nil:
		return Verdict{}, false, err
	}
	if r.inspect != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		verdict = r.inspect(*v, body.Bytes())
	}
	return verdict, true, nil
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
	verdict, _, err := r.read(ctx, l.v)
	r.mu.Lock()
	defer r.mu.Unlock()
	l.shared = verdict.SharedLock
	if l.bad = verdict.Suspicious != ""; l.bad {
		r.h.suspect(Suspicion{l.v.LastModified, l.v.Key, l.v.VersionID, verdict.Suspicious})
	}
	return err
}

// config takes back the suspicion against a config that is right, as after a
// migration of the repository.
func (r *reading) config(ctx context.Context, v *Version) error {
	verdict, ok, err := r.read(ctx, v)
	r.mu.Lock()
	defer r.mu.Unlock()
	if ok && verdict.Suspicious == "" {
		r.h.retract(v)
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
