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

// mostAhead is how far the clock of a host may differ from the server's.
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
// A repository that cannot be opened as of the last good moment (as it is now, if there
// is none) is judged without; a [Warning] says so.
func (m *Manager) History(ctx context.Context, bucket string, opts s3state.HistoryOptions) (*s3state.History, error) {
	if !m.knows(bucket) {
		return m.store.History(ctx, bucket, opts)
	}
	var session *restic.Session
	opts.Inspector = func(ctx context.Context, good time.Time) (s3state.Inspect, error) {
		loc, err := m.locationForCheck(ctx, s3state.Moment{At: good})
		if err == nil {
			session, err = m.openForCheck(ctx, loc)
		}
		if err != nil {
			m.warn(fmt.Sprintf("what is sealed with the repository's password is not judged: %v", err))
			return nil, nil
		}
		return inspector(ctx, session), nil
	}
	h, err := m.store.History(ctx, bucket, opts)
	if session != nil {
		_ = session.Close() // it has only read
	}
	return h, err
}

// inspector judges what is sealed with the key of the session's repository.
func inspector(ctx context.Context, session *restic.Session) s3state.Inspect {
	return func(v s3state.Version, body []byte) (s3state.Verdict, error) {
		what := s3state.TypeOf(v.Key)
		if what == s3state.TypeKey {
			return s3state.Verdict{}, nil // not sealed, and judged by its name
		}
		plain, err := session.Unseal(ctx, body)
		if err != nil && !errors.Is(err, restic.ErrDamaged) {
			return s3state.Verdict{}, err
		}
		var c content
		if err != nil || json.Unmarshal(plain, &c) != nil || !c.is(what, session) {
			return s3state.Verdict{Suspicious: fmt.Sprintf("it is no %s of this repository's", what)}, nil
		}
		ahead := c.Time.Sub(v.LastModified)
		if what == s3state.TypeSnapshot && ahead > mostAhead {
			return s3state.Verdict{Suspicious: fmt.Sprintf("a snapshot claims a time %.0f days after it was written (%s)", ahead.Hours()/24, c.Time.Format(time.RFC3339))}, nil
		}
		return s3state.Verdict{Void: what == s3state.TypeLock && (!*c.Exclusive || ahead.Abs() > mostAhead)}, nil
	}
}

// content is of restic's files what tells one type from another. All are sealed alike,
// so whoever can read one can pass it off as another.
type content struct {
	Time      time.Time `json:"time"`      // of a lock or a snapshot
	Exclusive *bool     `json:"exclusive"` // of a lock
	PID       *int      `json:"pid"`       // of a lock
	Tree      *string   `json:"tree"`      // of a snapshot
	ID        string    `json:"id"`        // of a config
}

func (c *content) is(what s3state.FileType, session *restic.Session) bool {
	switch what {
	case s3state.TypeLock:
		return c.Exclusive != nil && c.PID != nil
	case s3state.TypeSnapshot:
		return c.Tree != nil
	case s3state.TypeConfig:
		return c.ID == session.ID()
	}
	return true
}
