package s3state

import (
	"context"
	"encoding/json"
	"errors"
)

// Info is what there is to know about a bucket.
type Info struct {
	Bucket string
	Check  *PolicyCheck
	ACL    ACL
	Policy json.RawMessage // as the server has it; nil if there is none

	Objects, ObjectBytes         int64 // current versions
	OldVersions, OldVersionBytes int64
	DeleteMarkers                int64

	States []SavedState // the oldest first, also deleted ones
}

// InfoOptions refine Info.
type InfoOptions struct {
	// VerifyStates compares so many of the newest saved states with the version
	// history, which takes a listing each; negative for all.
	VerifyStates int
	OnEvent      func(Event)
}

// Info lists all versions of a bucket and sums up. Memory use grows only with
// the number of saved states.
func (s *Store) Info(ctx context.Context, bucket string, opts InfoOptions) (*Info, error) {
	ev := newReporter(opts.OnEvent)
	defer ev.close()
	f, err := s.facts(ctx, bucket)
	if err != nil {
		return nil, err
	}
	info := &Info{Bucket: bucket, ACL: f.acl, Policy: f.policy, Check: checkPolicy(bucket, f)}
	if err := s.noteHoles(ctx, bucket, info.Check); err != nil {
		return nil, err
	}
	err = s.listVersions(ctx, bucket, "", ev, func(entries []Version) error {
		for i := range entries {
			v := &entries[i]
			switch {
			case v.DeleteMarker:
				info.DeleteMarkers++
			case v.IsLatest:
				info.Objects++
				info.ObjectBytes += v.Size
			default:
				info.OldVersions++
				info.OldVersionBytes += v.Size
			}
			if isState(v) {
				info.States = append(info.States, savedState(bucket, v))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	sortStates(info.States)
	n := len(info.States)
	if opts.VerifyStates >= 0 {
		n = min(n, opts.VerifyStates)
	}
	for i := len(info.States) - n; i < len(info.States); i++ {
		st := &info.States[i]
		switch st.Verification, err = s.VerifyState(ctx, bucket, st.Key, st.VersionID); {
		case errors.Is(err, ErrBadState):
			st.Unreadable = err
		case err != nil:
			return nil, err
		}
	}
	return info, nil
}
