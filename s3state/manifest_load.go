package s3state

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// readManifest reads a whole state and checks that it is consistent in itself. room is
// asked when what the state names becomes long; it may be nil.
func readManifest(sr *StateReader, room func(size int64) error) (_ *manifest, err error) {
	p := &manifest{}
	var c consistency
	defer c.close()
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	sorted, last, ask := true, "", int64(freeRoom)
	for v, err := range sr.All() {
		if err == nil {
			err = c.take(&v)
		}
		if err == nil && !v.DeleteMarker && v.IsLatest {
			if v.Key == last {
				err = twoLatest(v.Key)
			} else {
				sorted = sorted && v.Key > last
				last = v.Key
				err = p.add(entryFrom(&v))
			}
		}
		if size := p.spool.size + c.size(); err == nil && room != nil && size > ask {
			ask = size + 1<<20
			err = room(size)
		}
		if err != nil {
			return nil, err
		}
	}
	p.header = sr.Header()
	if !sorted {
		if err := p.sort(); err != nil {
			return nil, err
		}
	}
	p.contradiction, err = c.end(p)
	return p, err
}

func twoLatest(key string) error {
	return fmt.Errorf("%w: it names two latest versions of key %q", ErrBadState, s3err.Clip(key))
}

// errForeignState is the error of a state that belongs to another bucket: a restore
// copied it here among the other objects, or an attacker did.
var errForeignState = fmt.Errorf("%w: it is the state of another bucket", ErrBadState)

// loadManifest reads a saved state and says which version it was and when the
// server received it.
func (s *Store) loadManifest(ctx context.Context, bucket, key, versionID string) (*manifest, *SavedState, error) {
	return s.loadTallied(ctx, bucket, key, versionID, nil)
}

// loadTallied is loadManifest. came, if it is not nil, gets all that was read.
func (s *Store) loadTallied(ctx context.Context, bucket, key, versionID string, came *tally) (*manifest, *SavedState, error) {
	from, info, err := s.openObject(ctx, bucket, key, versionID)
	if err != nil {
		return nil, nil, err
	}
	defer from.Close()
	body := io.Reader(from)
	if came != nil {
		came.sum, came.metadata = md5.New(), info.Metadata
		body = io.TeeReader(from, came)
		// What the reader of a state does not need counts, too.
		defer func() {
			_, err := io.CopyN(io.Discard, body, mostLeft)
			came.more = err == nil
		}()
	}
	saved := &SavedState{Bucket: bucket, Key: key, VersionID: info.VersionID, Time: info.LastModified, Size: info.Size, ETag: info.ETag}
	if saved.VersionID == "" {
		saved.VersionID = versionID
	}
	named := func(err error) error {
		if errors.Is(err, ErrBadState) {
			return fmt.Errorf("state %q version %s in bucket %s: %w", key, saved.VersionID, bucket, err)
		}
		return err
	}
	sr, err := ReadPackedState(body)
	if err != nil {
		return nil, nil, named(err)
	}
	p, err := readManifest(sr, func(size int64) error { return s.roomFor(ctx, bucket, size) })
	if err != nil {
		return nil, nil, named(err)
	}
	if p.header.BucketName != bucket {
		defer p.close()
		return nil, nil, named(fmt.Errorf("%w %q", errForeignState, s3err.Clip(p.header.BucketName)))
	}
	return p, saved, nil
}

// errNotIts means that what came for a state is not what the listing says of it, as when
// a proxy gives a page of its own, or another version. It says nothing about the state.
var errNotIts = s3err.Kind("what the server returned is not what it has recorded of it", ErrBadState)

// loadListed is loadManifest of a state that was listed. The error is an errNotIts if
// other bytes came, also when it is asked again.
func (s *Store) loadListed(ctx context.Context, st *SavedState) (p *manifest, err error) {
	for try := 1; ; try++ {
		var came tally
		p, _, err = s.loadTallied(ctx, st.Bucket, st.Key, st.VersionID, &came)
		if err != nil && !errors.Is(err, ErrBadState) || came.is(ctx, s, st) {
			return p, err
		}
		if err == nil {
			p.close()
		}
		if try == s.attempts {
			return nil, fmt.Errorf("state %q version %s in bucket %s: %w: %d bytes came", st.Key, s3err.Word(st.VersionID), st.Bucket, errNotIts, came.n)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Duration(try) * 100 * time.Millisecond):
		}
	}
}

// mostLeft bounds what is read of an object that is no state to find out what it is: a
// host may have written gigabytes.
const mostLeft = 64 << 20

// tally is what was read of an object.
type tally struct {
	n        int64
	sum      hash.Hash // MD5
	more     bool      // the object may be longer
	metadata map[string][]string
}

func (t *tally) Write(p []byte) (int, error) {
	t.n += int64(len(p))
	return t.sum.Write(p)
}

// is reports whether it is what was listed of a state, as far as size and ETag tell.
func (t *tally) is(ctx context.Context, s *Store, st *SavedState) bool {
	switch {
	case t.sum == nil:
		return false
	case t.more:
		return true
	case t.n != st.Size:
		return false
	}
	if !s3versions.IsMD5(st.ETag) || strings.EqualFold(hex.EncodeToString(t.sum.Sum(nil)), s3versions.BareETag(st.ETag)) {
		return true
	}
	return encryptedElsewhere(t.metadata) || !s.etagsAreMD5(ctx, st.Bucket)
}

// manifestOf returns the objects of a bucket at a moment, and the saved state; for a
// time, that has only the time.
func (s *Store) manifestOf(ctx context.Context, bucket string, m Moment, rep *reporter, prefixes ...string) (*manifest, *SavedState, error) {
	if err := m.check(); err != nil {
		return nil, nil, err
	}
	if m.StateKey != "" {
		return s.loadManifest(ctx, bucket, m.StateKey, m.StateVersion)
	}
	p, err := s.manifestAt(ctx, bucket, m.At, rep, prefixes...)
	return p, &SavedState{Bucket: bucket, Time: m.At}, err
}

// restorable is manifestOf for what is copied elsewhere. Nothing holds a lock there,
// but it stops restic's check and prune. So a time goes without its locks, which a
// moment has whenever a run was in progress, also if the server dates their removal
// later. A saved state is copied as it is, locks and all. leftOut counts the locks of a
// time.
func (s *Store) restorable(ctx context.Context, bucket string, m Moment, rep *reporter) (_ *manifest, _ *SavedState, leftOut int64, err error) {
	if err := m.check(); err != nil || m.StateKey != "" {
		p, saved, err := s.manifestOf(ctx, bucket, m, rep)
		return p, saved, 0, err
	}
	p := &manifest{header: StateHeader{BucketName: bucket, TimeStart: m.At, TimeEnd: m.At}}
	err = s.listAt(ctx, bucket, m.At, rep, nil, func(v *Version) error {
		if TypeOf(v.Key) == TypeLock {
			leftOut++
			return nil
		}
		return p.add(entryFrom(v))
	})
	if err != nil {
		p.close()
		return nil, &SavedState{Bucket: bucket, Time: m.At}, 0, err
	}
	return p, &SavedState{Bucket: bucket, Time: m.At}, leftOut, nil
}

// offAtMost is how far the server's clock may be from ours. Of a time that lies further
// in the future, everything in the bucket is the past.
const offAtMost = 48 * time.Hour

// manifestAt takes from the version listing what was current at a time, see listAt.
func (s *Store) manifestAt(ctx context.Context, bucket string, at time.Time, rep *reporter, prefixes ...string) (*manifest, error) {
	p := &manifest{header: StateHeader{BucketName: bucket, TimeStart: at, TimeEnd: at}}
	if err := s.listAt(ctx, bucket, at, rep, prefixes, func(v *Version) error { return p.add(entryFrom(v)) }); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// listAt gives add what was current at a time, see asOf, in the order of keys. Versions
// removed since are not in it. prefixes, in order and without overlap, are the only
// keys of interest; none means all.
func (s *Store) listAt(ctx context.Context, bucket string, at time.Time, rep *reporter, prefixes []string, add func(*Version) error) error {
	if err := s3versions.CheckBucketName(bucket); err != nil {
		return err
	}
	var first time.Time // when anything was written
	c := chooser{asOf: asOf{at: at, now: at.After(s.now().Add(offAtMost))}, add: add, right: s.rightBytes(ctx, bucket)}
	take := func(entries []Version) error {
		for i := range entries {
			v := &entries[i]
			if !v.DeleteMarker && (first.IsZero() || v.LastModified.Before(first)) {
				first = v.LastModified
			}
		}
		return c.take(entries)
	}
	if len(prefixes) == 0 {
		prefixes = []string{""}
	}
	for _, prefix := range prefixes {
		if err := s.listVersions(ctx, bucket, prefix, rep, take); err != nil {
			return err
		}
	}
	if err := c.end(); err != nil || c.count > 0 {
		return err
	}
	return noStateAt(bucket, at, first)
}

// noStateAt is the error for a time at which the bucket was empty; it names the first
// time at which it was not.
func noStateAt(bucket string, at, first time.Time) error {
	if at.After(time.Now()) { // what is current was asked for
		return s3err.As(ErrNoState, nil, "bucket %s holds no object", bucket)
	}
	err := fmt.Errorf("bucket %s: %w: it held no object at %s", bucket, ErrNoState, at.Format(time.RFC3339))
	if first.After(at) {
		err = fmt.Errorf("%w; the earliest moment is %s", err, first.In(at.Location()).Format(time.RFC3339Nano))
	}
	return err
}
