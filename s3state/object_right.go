package s3state

import (
	"context"
	"errors"
	"io"
	"time"
)

// Bounds of reading uploads in parts to find out which version of a key was right:
// enough to repair many packs, but only a few minutes' work if an attacker has uploaded
// that much. Beyond them the older version is chosen.
const (
	rightMost   = readMost
	rightMostOf = 2 << 30 // bytes
)

// refusedFor is how long a version that the server has refused to return is not asked for
// again: one search for a good moment takes dozens of listings. It may be readable later,
// if it was archived or the policy has changed.
const refusedFor = 15 * time.Minute

// rightBytes returns a function that reads versions of restic's objects and reports
// whether their bytes match their names. What it remembers counts against the bounds as
// well, so that every listing of a bucket chooses alike.
func (s *Store) rightBytes(ctx context.Context, bucket string) func(*Version) (bool, error) {
	count, size := 0, int64(0)
	return func(v *Version) (bool, error) {
		if v.Size < shortest || v.Size > largestPack {
			return false, nil
		}
		if count, size = count+1, size+v.Size; count > rightMost || size > rightMostOf {
			return false, nil
		}
		id := [3]string{bucket, v.Key, v.VersionID}
		lasting := v.VersionID != "" && v.VersionID != "null"
		if known, ok := s.right.Load(id); ok && lasting {
			switch known := known.(type) {
			case bool:
				return known, nil
			case time.Time:
				if s.now().Sub(known).Abs() < refusedFor {
					return false, nil
				}
			}
		}
		_, err := s.fetchChecked(ctx, bucket, entryFrom(v), io.Discard)
		switch {
		case err == nil, errors.Is(err, ErrDamaged):
			if lasting {
				s.right.Store(id, err == nil)
			}
			return err == nil, nil
		case refusedAlone(err):
			if lasting {
				s.right.Store(id, s.now())
			}
			return false, nil
		}
		return false, err
	}
}
