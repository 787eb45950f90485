package s3state

import (
	"context"
	"encoding/json"
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
	// VerifyStates is how many of the newest saved states are compared with the
	// version history, which takes a further listing for every 16: 0 for ten,
	// negative for none. It takes the right to read versions.
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
	if n := statesToVerify(opts.VerifyStates); n > 0 {
		_, err = s.verifyStates(ctx, bucket, info.States[max(len(info.States)-n, 0):])
	}
	return info, err
}

// statesToVerify is what the option of this name means.
func statesToVerify(n int) int {
	if n == 0 {
		return 10
	}
	return max(n, 0)
}
