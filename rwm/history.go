package rwm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// mostAhead is how far the clock of a host may be ahead of the server's.
const mostAhead = 24 * time.Hour

// History is [s3state.Store.History]. Of the configured bucket, if its repository's
// password is configured too, it also reads what is sealed, and marks
//
//   - indexes, snapshots and locks that are not sealed with the repository's key;
//   - deletions for which the lock held is not an exclusive one;
//   - snapshots that claim a time long after they were written: with such ones an
//     intruder has the retention remove the real ones.
//
// A config that was replaced by one of the same repository, as a migration does, is
// not marked.
//
// A repository that cannot be opened as of the last good moment is judged without;
// a [Warning] says so.
func (m *Manager) History(ctx context.Context, bucket string, opts s3state.HistoryOptions) (*s3state.History, error) {
	if !m.knows(bucket) {
		return m.store.History(ctx, bucket, opts)
	}
	var session *restic.Session
	opts.Inspector = func(ctx context.Context, good time.Time) s3state.Inspect {
		err := errors.New("there is no good moment to open the repository at")
		if !good.IsZero() {
			session, _, err = m.OpenAsOf(ctx, s3state.Moment{At: good})
		}
		if err != nil {
			m.warn(fmt.Sprintf("what is sealed with the repository's password is not judged: %v", err))
			return nil
		}
		return func(v s3state.Version, body []byte) s3state.Verdict { return inspect(ctx, session, v, body) }
	}
	h, err := m.store.History(ctx, bucket, opts)
	if session != nil {
		_ = session.Close() // it has only read
	}
	return h, err
}

func inspect(ctx context.Context, session *restic.Session, v s3state.Version, body []byte) s3state.Verdict {
	what := s3state.TypeOf(v.Key)
	if what == s3state.TypeKey {
		return s3state.Verdict{} // not sealed, and judged by its name
	}
	plain, err := session.Unseal(ctx, body)
	if err != nil && !errors.Is(err, restic.ErrDamaged) {
		return s3state.Verdict{}
	}
	var content struct {
		Time      time.Time `json:"time"`      // of a snapshot
		Exclusive bool      `json:"exclusive"` // of a lock
		ID        string    `json:"id"`        // of a config
	}
	if err != nil || json.Unmarshal(plain, &content) != nil || what == s3state.TypeConfig && content.ID != session.ID() {
		return s3state.Verdict{Suspicious: fmt.Sprintf("it is no %s of this repository's", what)}
	}
	ahead := content.Time.Sub(v.LastModified)
	if what == s3state.TypeSnapshot && ahead > mostAhead {
		return s3state.Verdict{Suspicious: fmt.Sprintf("a snapshot claims a time %.0f days after it was written (%s)", ahead.Hours()/24, content.Time.Format(time.RFC3339))}
	}
	return s3state.Verdict{SharedLock: what == s3state.TypeLock && !content.Exclusive}
}
