package s3state

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
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

// hasEvidence tells the locks held since the oldest state to be kept. By them
// History tells what restic deleted since from what an intruder did. They take next
// to no room.
func (k *keepSet) hasEvidence(v *Version) bool {
	const largest = 4 << 10
	return k != nil && len(k.states) > 0 && TypeOf(v.Key) == TypeLock && v.Size <= largest &&
		v.LastModified.After(k.states[0].Time.Add(-24*time.Hour)) // some run for long
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
	for group := range newestFirst(states) {
		if counted >= opts.KeepStates && !young(group[0]) {
			break
		}
		plans, err := s.verifyStates(ctx, bucket, group, nil)
		if err != nil {
			return nil, err
		}
		defer plans.close()
		for i, st := range group {
			if st.Unreadable != nil {
				s.log.Warn("a saved state cannot be read and is not kept", "bucket", bucket, "key", st.Key, "version", st.VersionID, "error", st.Unreadable)
				continue
			}
			confirmed := st.Verification.Status == Verified
			if !young(st) && (!confirmed || counted >= opts.KeepStates) {
				continue
			}
			if confirmed {
				counted++
			}
			if err := k.add(st, plans[i]); err != nil {
				return nil, err
			}
		}
	}
	slices.Reverse(k.states) // the oldest first
	return k, nil
}

// newestFirst gives states, which are sorted, in groups for verifyStates: the newest
// alone, which is mostly enough, and then as many as one listing serves.
func newestFirst(states []SavedState) iter.Seq[[]*SavedState] {
	return func(yield func([]*SavedState) bool) {
		for n, size := len(states), 1; n > 0; n, size = n-size, verifyAtOnce {
			size = min(size, n)
			group := make([]*SavedState, 0, size)
			for i := range size {
				group = append(group, &states[n-1-i])
			}
			if !yield(group) {
				return
			}
		}
	}
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
