package s3state

import (
	"context"
	"encoding/json"
)

// Info describes a bucket.
type Info struct {
	Bucket string
	Check  *PolicyCheck
	ACL    ACL
	Policy json.RawMessage // as the server returns it; nil if there is none

	Objects, ObjectBytes         int64 // current versions
	OldVersions, OldVersionBytes int64
	DeleteMarkers                int64

	States []SavedState // the oldest first, also deleted ones

	Settings *Settings
}

// InfoOptions configures Info.
type InfoOptions struct {
	// VerifyStates is how many of the newest saved states are compared with the
	// version history, which takes a further listing for every 16: 0 for ten,
	// negative for all. It takes the right to read versions. NoVerify compares none.
	VerifyStates int
	NoVerify     bool
	OnEvent      func(Event)
}

// Info lists and counts all versions of a bucket. Memory use grows only with the number
// of saved states.
//
// Errors: ErrBadListing.
func (s *Store) Info(ctx context.Context, bucket string, opts InfoOptions) (*Info, error) {
	s = s.made()
	rep := newReporter(opts.OnEvent)
	defer rep.close()
	f, err := s.bucketConfig(ctx, bucket)
	if err != nil {
		return nil, err
	}
	info := &Info{Bucket: bucket, ACL: f.acl, Policy: f.policy, Check: checkPolicy(bucket, f)}
	if err := s.noteHoles(ctx, bucket, info.Check); err != nil {
		return nil, err
	}
	if info.Settings, err = s.Settings(ctx, bucket); err != nil {
		return nil, err
	}
	info.Check.take(info.Settings)
	var above Version
	err = s.listVersions(ctx, bucket, "", rep, func(entries []Version) error {
		for i := range entries {
			v := &entries[i]
			if above.Key == v.Key {
				info.Settings.forecast(v, &above)
			} else {
				info.Settings.forecast(v, nil)
			}
			above = *v
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
	if n := statesToVerify(opts.VerifyStates, opts.NoVerify); n > 0 {
		_, err = s.verifyStates(ctx, bucket, info.States[max(len(info.States)-n, 0):])
	}
	return info, err
}
