package s3state

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"time"
)

// keepSet is the versions that states to be kept name. It grows with their
// number, by some 40 bytes each, counted once for all states.
type keepSet struct {
	states []SavedState
	ids    map[[16]byte]struct{}
	// current is what was current when the operation began; lost counts those
	// of it that the host has deleted or overwritten since.
	current map[[16]byte]struct{}
	lost    int64
}

func keepID(key, version string) (id [16]byte) {
	sum := sha256.Sum256([]byte(key + "\x00" + version))
	copy(id[:], sum[:])
	return id
}

func (k *keepSet) empty() bool { return k == nil || len(k.ids) == 0 && len(k.current) == 0 }

// addCurrent keeps what p, just captured, names.
func (k *keepSet) addCurrent(p *plan) error {
	if k.current == nil {
		k.current = make(map[[16]byte]struct{}, p.count)
	}
	return p.each(func(o planned) error {
		if !isState(&Version{Key: o.Key}) {
			k.current[keepID(o.Key, o.VersionID)] = struct{}{}
		}
		return nil
	})
}

// hasCurrent tells a version that stays because it was current when the
// operation began.
func (k *keepSet) hasCurrent(v *Version) bool {
	if k == nil || len(k.current) == 0 {
		return false
	}
	_, ok := k.current[keepID(v.Key, v.VersionID)]
	return ok
}

// hasEvidence tells what there was of locks, keys and snapshots since the oldest state
// to be kept: v was there until. By these History tells what restic deleted since from
// what an intruder did. They take next to no room.
func (k *keepSet) hasEvidence(v *Version, until time.Time) bool {
	const largest = 64 << 10
	if k == nil || len(k.states) == 0 || v.Size > largest || !until.After(k.states[0].Time.Add(-24*time.Hour)) { // some run for long
		return false
	}
	switch TypeOf(v.Key) {
	case TypeLock, TypeKey, TypeSnapshot:
		return true
	}
	return false
}

func (k *keepSet) has(key, version string) bool {
	if k == nil {
		return false
	}
	_, ok := k.ids[keepID(key, version)]
	return ok
}

// keepers chooses the states to be kept and reads what they name. States that
// cannot be read, or are another bucket's, count for nothing; by number, only
// those that the version history confirms are counted, or an intruder could
// push out the real ones.
func (s *Store) keepers(ctx context.Context, bucket string, opts DropOptions) (*keepSet, error) {
	k := &keepSet{ids: make(map[[16]byte]struct{})}
	if opts.KeepStates < 0 || opts.KeepWithin < 0 {
		return nil, fmt.Errorf("%w: a negative number of states or time to keep", ErrInvalid)
	}
	if opts.KeepStates == 0 && opts.KeepWithin == 0 {
		return k, nil
	}
	states, err := s.States(ctx, bucket)
	if err != nil {
		return nil, err
	}
	since := s.now().Add(-opts.KeepWithin)
	young := func(st *SavedState) bool { return opts.KeepWithin > 0 && st.Time.After(since) }
	counted := 0
	err = s.eachState(ctx, bucket, states, func(st *SavedState, p **plan) (bool, error) {
		if st.Unreadable != nil {
			s.log.Warn("a saved state cannot be read and is not kept", "bucket", bucket, "key", st.Key, "version", st.VersionID, "error", st.Unreadable)
			return true, nil
		}
		confirmed := st.Verification.Status == Verified
		st.Verification = nil // of many states this would be much
		if young(st) || confirmed && counted < opts.KeepStates {
			if err := k.add(st, *p); err != nil {
				return false, err
			}
			if confirmed {
				counted++
			}
		}
		return counted < opts.KeepStates || young(st), nil
	})
	if err != nil {
		return nil, err
	}
	slices.Reverse(k.states) // the oldest first
	return k, nil
}

// add keeps a state and what it names.
func (k *keepSet) add(st *SavedState, p *plan) error {
	k.ids[keepID(st.Key, st.VersionID)] = struct{}{}
	k.states = append(k.states, *st)
	return p.each(func(o planned) error {
		// States named by a state are not needed for restoring it.
		if !isState(&Version{Key: o.Key}) {
			k.ids[keepID(o.Key, o.VersionID)] = struct{}{}
		}
		return nil
	})
}

func (p *plan) each(fn func(planned) error) error {
	r, err := p.reader()
	if err != nil {
		return err
	}
	for {
		o, err := r.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(o); err != nil {
			return err
		}
	}
}
