package s3state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cesnet/rwm/internal/events"
)

// Inspect judges a lock, a key, an index or a snapshot whose bytes match its name, or a
// config that has replaced another one. It is called serially. An error aborts the
// reading.
type Inspect func(v Version, body []byte) (Verdict, error)

// Verdict is what Inspect finds.
type Verdict struct {
	Suspicious string // why no run of restic writes this; "" if all is well
	// NotExclusive says of a lock that it allows no deletion.
	NotExclusive bool
	// Lock is what a lock claims about itself.
	Lock *LockClaim `json:",omitempty"`
	// Snapshot is what a snapshot claims about itself.
	Snapshot *SnapshotClaim
}

// LockClaim is when a lock says that it was made, and on which host, or a hash of that.
type LockClaim struct {
	Time time.Time
	Host string
}

const (
	// readMost and readMostOf bound what History reads by default of each kind. Either
	// takes some seconds over a network.
	readMost   = 4096
	readMostOf = 256 << 20 // bytes
	// readLargest is more than any index or other object that is read: an index file
	// has up to 50,000 entries.
	readLargest = 32 << 20
	// readLargestLock is many times what a lock takes.
	readLargestLock = 64 << 10
	readAtOnce      = 8
	largestPack     = 512 << 20
)

// reading judges objects by their content, beyond the listing.
type reading struct {
	s       *Store
	bucket  string
	h       *timeline
	inspect Inspect // may be nil
	known   *Known  // may be nil
	last    bool    // what vanishes now is a doubt; see looks

	mu    sync.Mutex // guards h, and calls of inspect
	could bool       // something was read
	spare *Version   // something that was not read because it is known
}

// readMetadata reads keys, indexes and snapshots, the locks that explain deletions, and
// for inspect also configs. It compares their bytes with their names. It reads at most
// readMost locks, unless ReadAll is set. Of what was removed meanwhile it returns
// errVanished, unless this is the last look.
func (s *Store) readMetadata(ctx context.Context, bucket string, h *timeline, inspect Inspect, opts HistoryOptions, last bool) error {
	known, all := opts.Known, opts.ReadAll
	known.begin()
	h.unread.trim()
	if err := s.explain(ctx, bucket, h, last); err != nil {
		return err
	}
	locks := h.evidence.locks
	if !all {
		locks = locks[:min(len(locks), readMost)]
	}
	h.res.Unread += len(h.evidence.locks) - len(locks) // these are judged by the listing
	r := &reading{s: s, bucket: bucket, h: h, inspect: inspect, known: known, last: last}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(readAtOnce)
	for i := range h.unread.all {
		g.Go(func() error { return r.metadata(gctx, &h.unread.all[i]) })
	}
	for i := range locks {
		if l := &locks[i]; !l.void && l.v != nil {
			g.Go(func() error { return r.lock(gctx, l) })
		}
	}
	h.overwrote.trim()
	// A drop has proved what is current, which settles the marks on packs and indexes.
	settled := opts.Prover == nil && h.proving
	for i := range h.overwrote.all {
		if settled && kindOf(TypeOf(h.overwrote.all[i].Key)) == markRepaired {
			continue
		}
		g.Go(func() error { return r.overwrote(gctx, &h.overwrote.all[i]) })
	}
	for i := range h.configs {
		if inspect != nil {
			g.Go(func() error { return r.config(gctx, &h.configs[i]) })
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	h.clearRight()
	if err := r.judgeLocks(ctx, opts.Settings); err != nil {
		return err
	}
	known.end()
	if err := s.judgeResaves(ctx, bucket, h, h.resaves(), opts.Measure, known, all); err != nil {
		return err
	}
	for _, found := range h.dated() {
		h.suspect(found)
	}
	h.claims = nil
	return nil
}

// read fetches an object and judges it. ok is false if the server refused it, which is
// no suspicion.
func (r *reading) read(ctx context.Context, v *Version) (verdict Verdict, ok bool, err error) {
	what := TypeOf(v.Key)
	if verdict, ok := r.remembered(v, r.inspect != nil); ok {
		return verdict, true, nil
	}
	if v.Size > readLargest || what == TypeLock && v.Size > readLargestLock {
		return Verdict{Suspicious: fmt.Sprintf("it is too large (%d bytes) for a %s", v.Size, what)}, true, nil
	}
	body := bytes.NewBuffer(make([]byte, 0, v.Size))
	err = r.fetch(ctx, v, body)
	switch {
	case errors.Is(err, ErrDamaged):
		return Verdict{Suspicious: fmt.Sprintf("it is not a valid %s: its bytes do not match its name", what)}, true, nil
	case refusedAlone(err):
		return Verdict{}, false, nil
	case err != nil:
		return Verdict{}, false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.could = true
	if r.inspect != nil {
		err = events.Try(func() (err error) {
			verdict, err = r.inspect(*v, body.Bytes())
			return err
		})
	}
	if err == nil && what != TypeConfig { // what a config is judged by may change
		r.known.put(v, r.inspect != nil, verdict)
	}
	return verdict, true, err
}

// fetch reads a version that was listed and compares its bytes with its name.
func (r *reading) fetch(ctx context.Context, v *Version, w io.Writer) error {
	_, err := r.s.fetchChecked(ctx, r.bucket, entryFrom(v), w)
	if !r.last {
		if gone := r.s.vanished(ctx, r.bucket, v.Key, v.VersionID, err); gone != nil {
			return gone
		}
	}
	return err
}

// remembered is read without reading.
func (r *reading) remembered(v *Version, judged bool) (Verdict, bool) {
	verdict, ok := r.known.get(v, judged)
	if ok {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.spare = v
	}
	return verdict, ok
}

func (r *reading) metadata(ctx context.Context, v *Version) error {
	verdict, ok, err := r.read(ctx, v)
	r.mu.Lock()
	defer r.mu.Unlock()
	if ok {
		r.h.res.Unread--
	}
	if verdict.Suspicious != "" {
		r.h.suspect(mark(v, verdict.Suspicious, markLasting))
	}
	if verdict.Snapshot != nil {
		r.h.claims = append(r.h.claims, snapshotClaim{*verdict.Snapshot, v.Key, v.VersionID, v.LastModified})
	}
	return err
}

// overwrote clears what has replaced other content if it is what its name says: then
// the other was not.
func (r *reading) overwrote(ctx context.Context, v *Version) error {
	if v.Size > largestPack {
		return nil
	}
	_, right := r.remembered(v, false)
	var err error
	if !right {
		err = r.fetch(ctx, v, io.Discard)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		r.known.put(v, false, Verdict{})
		r.h.rightContent(v)
	case errors.Is(err, ErrDamaged), refusedAlone(err):
	default:
		return err
	}
	return nil
}

func (r *reading) lock(ctx context.Context, l *heldLock) error {
	verdict, ok, err := r.read(ctx, l.v)
	r.mu.Lock()
	defer r.mu.Unlock()
	l.refused, l.void, l.claim = !ok, verdict.NotExclusive || verdict.Suspicious != "", verdict.Lock
	if verdict.Suspicious != "" {
		r.h.suspect(mark(l.v, verdict.Suspicious, markLasting))
	}
	return err
}

func (r *reading) config(ctx context.Context, c *replacedConfig) error {
	verdict, ok, err := r.read(ctx, &c.Version)
	if err == nil && ok && verdict.Suspicious == "" && c.before != nil {
		// What it replaced must have been this repository's, too.
		verdict, ok, err = r.read(ctx, c.before)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && ok && verdict.Suspicious == "" {
		r.h.right(c)
	}
	return err
}
