package s3state

import (
	"crypto/sha256"
	"time"
)

// keepSet holds the versions that the kept states name, each once, in some 40 bytes.
type keepSet struct {
	states []SavedState
	ids    map[[16]byte]struct{}
	// current holds what was current when the operation began; lost counts those that
	// the host has deleted or overwritten since.
	current map[[16]byte]struct{}
	lost    int64
	// since keeps what was current then or later, if it is set.
	since      time.Time
	everyState bool
	kept       int64 // old versions
}

// within reports whether a version was current at any time since the beginning of
// KeepWithin. until is when it was replaced or deleted, zero if it was not.
func (k *keepSet) within(until time.Time) bool {
	return k != nil && !k.since.IsZero() && (until.IsZero() || !until.Before(k.since))
}

// oldest is the oldest moment of which something is kept, zero if there is none.
func (k *keepSet) oldest() time.Time {
	at := k.since
	if len(k.states) > 0 && (at.IsZero() || k.states[0].Time.Before(at)) {
		at = k.states[0].Time
	}
	return at
}

func keepID(key, version string) (id [16]byte) {
	sum := sha256.Sum256([]byte(key + "\x00" + version))
	copy(id[:], sum[:])
	return id
}

func (k *keepSet) empty() bool {
	return k == nil || len(k.ids) == 0 && len(k.current) == 0 && k.since.IsZero() && !k.everyState
}

// addCurrent keeps what p, just captured, names.
func (k *keepSet) addCurrent(p *manifest) error {
	if k.current == nil {
		k.current = make(map[[16]byte]struct{}, p.count)
	}
	return p.each(func(o entry) error {
		if !isState(&Version{Key: o.Key}) {
			k.current[keepID(o.Key, o.VersionID)] = struct{}{}
		}
		return nil
	})
}

// hasCurrent reports whether a version stays because it was current when the operation
// began.
func (k *keepSet) hasCurrent(v *Version) bool {
	if k == nil || len(k.current) == 0 {
		return false
	}
	_, ok := k.current[keepID(v.Key, v.VersionID)]
	return ok
}

// hasEvidence reports whether a version is a lock, key or snapshot that existed since
// the oldest kept state; it existed until the given time. History needs these to tell
// restic's deletions from an attacker's. They take hardly any space.
func (k *keepSet) hasEvidence(v *Version, until time.Time) bool {
	const largest = 64 << 10
	if k == nil || k.oldest().IsZero() || v.Size > largest || !until.After(k.oldest().Add(-24*time.Hour)) { // some runs take long
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

// add keeps a state and what it names.
func (k *keepSet) add(st *SavedState, p *manifest) error {
	k.ids[keepID(st.Key, st.VersionID)] = struct{}{}
	k.states = append(k.states, *st)
	return p.each(func(o entry) error {
		// States named by a state are not needed for restoring it.
		if !isState(&Version{Key: o.Key}) {
			k.ids[keepID(o.Key, o.VersionID)] = struct{}{}
		}
		return nil
	})
}
