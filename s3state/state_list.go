package s3state

import (
	"context"
	"slices"
	"strings"
)

// States lists the saved states, the oldest first, also those that were
// deleted or overwritten.
//
// Errors: ErrNotVersioned, ErrBadListing.
func (s *Store) States(ctx context.Context, bucket string) ([]SavedState, error) {
	s = s.made()
	if err := s.requireVersioned(ctx, bucket); err != nil {
		return nil, err
	}
	var states []SavedState
	err := s.listVersions(ctx, bucket, statePrefix, nil, func(entries []Version) error {
		for i := range entries {
			if isState(&entries[i]) {
				states = append(states, savedState(bucket, &entries[i]))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	sortStates(states)
	return states, nil
}

func savedState(bucket string, v *Version) SavedState {
	st := SavedState{
		Bucket: bucket, Key: v.Key, VersionID: v.VersionID, Time: v.LastModified, Size: v.Size, ETag: v.ETag,
		Owner: v.Owner, IsLatest: v.IsLatest,
	}
	name := strings.TrimSuffix(strings.TrimPrefix(v.Key, statePrefix), stateSuffix)
	if t, err := parseStateTime(name); err == nil {
		st.ClaimedTime = t
	}
	return st
}

func sortStates(states []SavedState) {
	slices.SortStableFunc(states, func(a, b SavedState) int {
		if c := a.Time.Compare(b.Time); c != 0 {
			return c
		}
		return strings.Compare(a.Key, b.Key)
	})
}

func (st *SavedState) compared() bool { return st.Verification != nil || st.Unreadable != nil }
