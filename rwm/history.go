package rwm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// mostAhead is how far the clock of a host may be ahead of the server's.
const mostAhead = 24 * time.Hour

// History is [s3state.Store.History]. Of the configured bucket, if its repository's
// password is configured too, it also reads what is sealed, and marks
//
//   - indexes and snapshots that are not sealed with the repository's key;
//   - snapshots that claim a time long after they were written: with such ones an
//     intruder has the retention remove the real ones.
//
// A repository that cannot be opened as of the last good moment is judged without;
// a [Warning] says so.
func (m *Manager) History(ctx context.Context, bucket string, opts s3state.HistoryOptions) (*s3state.History, error) {
	if !m.knows(bucket) {
		return m.store.History(ctx, bucket, opts)
	}
	var session *restic.Session
	opts.Inspector = func(ctx context.Context, good time.Time) s3state.Inspect {
		if good.IsZero() {
			return nil
		}
		var err error
		if session, _, err = m.OpenAsOf(ctx, s3state.Moment{At: good}); err != nil {
			m.warn(fmt.Sprintf("what is sealed with the repository's password is not judged: %v", err))
			return nil
		}
		return func(v s3state.Version, body []byte) string { return inspect(ctx, session, v, body) }
	}
	h, err := m.store.History(ctx, bucket, opts)
	if session != nil {
		_ = session.Close() // it has only read
	}
	return h, err
}

func inspect(ctx context.Context, session *restic.Session, v s3state.Version, body []byte) string {
	switch s3state.TypeOf(v.Key) {
	case s3state.TypeIndex:
		plain, err := session.Unseal(ctx, body)
		if errors.Is(err, restic.ErrDamaged) || err == nil && !json.Valid(plain) {
			return "it is no index of this repository's"
		}
	case s3state.TypeSnapshot:
		id, err := restic.ParseID(path.Base(v.Key))
		if err != nil {
			return ""
		}
		sn, err := session.UnsealSnapshot(ctx, id, body)
		if errors.Is(err, restic.ErrDamaged) {
			return "it is no snapshot of this repository's"
		}
		if err != nil {
			return ""
		}
		if ahead := sn.Time.Sub(v.LastModified); ahead > mostAhead {
			return fmt.Sprintf("a snapshot claims a time %.0f days after it was written (%s)", ahead.Hours()/24, sn.Time.Format(time.RFC3339))
		}
	}
	return ""
}
