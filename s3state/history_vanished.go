package s3state

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
)

// errVanished aborts what works on one listing of a bucket when something that was in
// it is gone for good, as a lifecycle rule or an admin leaves it: what remains of the
// listing contradicts itself. With a new listing it would be as if they had been
// earlier.
var errVanished = errors.New("a version that was listed was removed meanwhile")

// mostLooks bounds how often a bucket is listed for that reason. In the last look what
// cannot be read is a doubt, as it is in every look if the listing still names it. No
// host can remove a version, so no attacker has a bucket listed again.
const mostLooks = 4

// looks calls look until nothing vanishes while it works; last is set in the last look.
func looks(rep *reporter, bucket string, look func(last bool) error) error {
	for n := 1; ; n++ {
		err := look(n == mostLooks)
		if !errors.Is(err, errVanished) {
			return err
		}
		rep.emit(StepDone{Bucket: bucket, Step: fmt.Sprintf("look again: %v", err)})
	}
}

// vanished returns an errVanished if err, met in reading a version that was listed,
// comes from its removal.
func (s *Store) vanished(ctx context.Context, bucket, key, version string, err error) error {
	if !errors.Is(err, ErrNoState) {
		return nil
	}
	gone, err := s.gone(ctx, bucket, key, version)
	if err == nil && gone {
		err = fmt.Errorf("%w: %q version %q", errVanished, key, version)
	}
	return err
}

// gone reports whether a new listing no longer has a version.
func (s *Store) gone(ctx context.Context, bucket, key, version string) (bool, error) {
	gone := true
	err := s.listVersions(ctx, bucket, key, nil, func(entries []Version) error {
		for i := range entries {
			if entries[i].Key == key && entries[i].VersionID == version {
				gone = false
			}
		}
		return nil
	})
	return gone, err
}

// traces are the versions and markers of locks that one listing has and another should
// have, too, by their hashes.
type traces map[uint64]struct{}

func trace(v *Version) uint64 {
	id := keepID(v.Key, v.VersionID)
	return binary.LittleEndian.Uint64(id[:])
}

// missing reports whether a later listing lacks one of the locks that explain
// something.
func (t traces) missing(e *lockEvidence, wanted []span) bool {
	for i := range e.locks {
		l := &e.locks[i]
		if _, ok := t[l.trace]; !ok && meets(wanted, l.span) {
			return true
		}
	}
	return false
}
