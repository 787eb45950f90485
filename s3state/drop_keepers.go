package s3state

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/cesnet/rwm/s3versions"
)

// keepers chooses the states to keep and reads what they name. States that cannot be
// read, or are another bucket's, are not kept; but if what came was not the state at all,
// that is an ErrUnconfirmed. KeepStates counts only those that the
// version history confirms and the Prover proves, or an attacker could push out the
// genuine ones. now is the time by the server's clock, zero if it is not known exactly;
// interim is no state to keep.
func (s *Store) keepers(ctx context.Context, bucket string, opts DropOptions, now time.Time, interim *SavedState) (*keepSet, error) {
	k := &keepSet{ids: make(map[[16]byte]struct{})}
	if opts.KeepWithin < 0 {
		return nil, fmt.Errorf("%w: the time to keep is negative", ErrInvalid)
	}
	if opts.KeepStates == 0 && opts.KeepWithin == 0 {
		return k, nil
	}
	most := opts.KeepStates
	if most < 0 {
		most = math.MaxInt
	}
	states, err := s.States(ctx, bucket)
	if err != nil {
		return nil, err
	}
	if opts.KeepWithin > 0 {
		if now.IsZero() {
			if now, err = s.estimateTime(ctx, bucket); err != nil {
				return nil, err
			}
		}
		k.since = now.Add(-opts.KeepWithin)
	}
	states = slices.DeleteFunc(states, func(st SavedState) bool { return interim != nil && st.Key == interim.Key })
	young := func(st *SavedState) bool { return opts.KeepWithin > 0 && !st.Time.Before(k.since) }
	counted := 0
	var again *twice
	err = s.eachState(ctx, bucket, states, 1, func(st *SavedState, p **manifest) (bool, error) {
		if errors.Is(st.Unreadable, errGone) {
			return true, nil
		}
		if errors.Is(st.Unreadable, errNotIts) {
			// Whether it counts nobody knows.
			return false, fmt.Errorf("%w: %w", ErrUnconfirmed, st.Unreadable)
		}
		if st.Unreadable != nil {
			s.log.Warn("a saved state cannot be read and is not kept", "bucket", bucket, "key", st.Key, "version", st.VersionID, "error", st.Unreadable)
			return true, nil
		}
		confirmed := st.Verification.Status == Verified
		st.Verification = nil // kept for many states it would need much memory
		if confirmed && counted < most && opts.Prover != nil {
			view, err := viewOf(bucket, *p)
			if err != nil {
				return false, err
			}
			view.Time, view.Moment = st.Time, Moment{StateKey: st.Key, StateVersion: st.VersionID}
			if again == nil {
				if again, err = s.listTwice(ctx, bucket); err != nil {
					return false, err
				}
			}
			proof, err := opts.Prover(ctx, view, again.written)
			if err != nil {
				return false, err
			}
			if proof.Spent {
				// Nobody knows whether it counts, and the states before it, too.
				return false, fmt.Errorf("%w: %w: the states to keep cannot all be proved, first that of %s: %s", ErrUnconfirmed, ErrNotProved, st.Time.UTC().Format(time.RFC3339), proof.Reason)
			}
			if confirmed = proof.Verdict == Proved; !confirmed {
				s.log.Warn("a saved state is not counted, for the repository does not hold then", "bucket", bucket, "key", st.Key, "version", st.VersionID, "reason", proof.Reason)
			}
		}
		if young(st) || confirmed && counted < most {
			if err := k.add(st, *p); err != nil {
				return false, err
			}
			if confirmed {
				counted++
			}
		}
		return counted < most || young(st), nil
	})
	if err != nil {
		return nil, err
	}
	slices.Reverse(k.states) // the oldest first
	return k, nil
}

// estimateTime estimates the server's time without writing anything: no earlier than
// the last time that the server recorded.
func (s *Store) estimateTime(ctx context.Context, bucket string) (time.Time, error) {
	var newest time.Time
	err := s.listVersions(ctx, bucket, "", nil, func(entries []Version) error {
		for i := range entries {
			if entries[i].LastModified.After(newest) {
				newest = entries[i].LastModified
			}
		}
		return nil
	})
	return s.serverTime(ctx, bucket, newest), err
}

// serverTime is the time by the server's clock: that of an answer, or at least the time
// of something that it has recorded.
func (s *Store) serverTime(ctx context.Context, bucket string, recorded time.Time) time.Time {
	resp, err := s.s3.Send(ctx, s3versions.Request{Method: http.MethodGet, Bucket: bucket, Query: url.Values{"versioning": {""}}})
	if err != nil {
		return recorded
	}
	_ = resp.Body.Close()
	at, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil || at.Before(recorded) {
		return recorded
	}
	return at
}
