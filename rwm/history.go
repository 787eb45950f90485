package rwm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// mostAhead is how far the clock of a host may differ from the server's.
const mostAhead = 24 * time.Hour

// History is [s3state.Store.History]. For the configured bucket, if its repository's
// password is configured too, only a proved moment is named as good (see
// [restic.Prove]; within the limits of [ProofOptions] all data is read as well), and
// encrypted objects are decrypted and judged. It marks
//
//   - the moment after which the repository no longer opens or holds together;
//   - indexes, snapshots and locks that are not encrypted with the repository's key;
//   - deletions under a lock that is not exclusive, or that may be an old one whose
//     bytes were written again;
//   - snapshots that claim a time long after they were written, and snapshots with a
//     false time that made the retention remove genuine ones;
//   - snapshots of nothing, by which genuine ones can be replaced, and such as took the
//     place of others with less than half in them.
//
// With [WithReviews] it also marks changes of the bucket's settings, such as lifecycle,
// since the last History; the first one only remembers them. What this machine's RWM
// has changed itself is not marked.
//
// A config replaced by another one of the same repository, as by a migration, is not
// marked.
//
// ReviewedUntil of the options is by default what [Manager.SetReviewed] noted. If the
// repository cannot be opened at all, the history is judged without the password, and a
// [Warning] says so.
func (m *Manager) History(ctx context.Context, bucket string, opts s3state.HistoryOptions) (*s3state.History, error) {
	m = m.made()
	defer m.events.Rethrow()
	review, err := m.Reviewed(bucket)
	if err != nil {
		return nil, err
	}
	if opts.ReviewedUntil.IsZero() {
		opts.ReviewedUntil = review.Until
		if opts.SettingsReviewedUntil.IsZero() {
			opts.SettingsReviewedUntil = review.SettingsUntil
		}
	}
	if opts.ProvedUntil.IsZero() {
		opts.ProvedUntil = review.Proved
	}
	keepSettings := m.watchSettings(bucket, review, &opts)
	if !m.knows(bucket) {
		h, err := m.store.History(ctx, bucket, opts)
		if err != nil {
			return nil, err
		}
		h.Proof.Reason = m.whyNot(bucket, review)
		keepSettings()
		return h, nil
	}
	m.evidence.begin(m)
	defer m.evidence.end(m)
	if opts.Known == nil {
		opts.Known = m.evidence.reads()
	}
	var session *restic.Session
	opts.Prover = m.prover(m.evidence)
	opts.Inspector = func(ctx context.Context, good time.Time) (s3state.Inspect, error) {
		loc, err := m.locationToUnseal(ctx, good)
		if session != nil { // of an earlier look
			_ = session.Close()
		}
		if err == nil {
			session, err = m.openForCheck(ctx, loc)
		}
		if err == nil {
			err = m.evidence.judging(ctx, session)
		}
		if err != nil {
			m.warn(fmt.Sprintf("what is sealed with the repository's password is not judged: %v", err))
			return nil, nil
		}
		return inspector(ctx, session), nil
	}
	opts.Measure = m.measure()
	h, err := m.store.History(ctx, bucket, opts)
	if session != nil {
		_ = session.Close() // it has only read
	}
	if err != nil {
		return nil, err
	}
	if h.Proof.Verdict == s3state.Proved {
		m.noteProved(bucket, h.LastGood)
	}
	keepSettings()
	return h, nil
}

// ListForHistory lists a bucket for one [Manager.History], as its Listing option, and
// gives each page to onPage, which may be nil. See [s3state.Store.ListForHistory].
func (m *Manager) ListForHistory(ctx context.Context, bucket string, opts s3state.HistoryOptions, onPage func([]s3state.Version) error) (*s3state.Listing, error) {
	m = m.made()
	defer m.events.Rethrow()
	return m.store.ListForHistory(ctx, bucket, m.knows(bucket), opts, onPage)
}

// locationToUnseal is what opens the configured repository as of a moment, and nothing
// else of it; for the zero time as it is now.
func (m *Manager) locationToUnseal(ctx context.Context, at time.Time) (restic.Location, error) {
	now := at.IsZero()
	if now {
		at = m.now().Add(aheadOfAnyClock)
	}
	view, err := m.store.View(ctx, m.cfg.ResticBucket, s3state.Moment{At: at}, s3state.ViewOptions{Prefixes: []string{"config", "keys/"}})
	if err != nil {
		return nil, err
	}
	if now {
		return m.asItIs(view), nil
	}
	return m.asOf(view), nil
}

// whyNot says why a bucket was not proved.
func (m *Manager) whyNot(bucket string, review Review) string {
	why := s3state.NoPassword
	if m.cfg.ResticPassword != "" && bucket != m.cfg.ResticBucket {
		why = "no password given for this bucket: restic_bucket of the configuration is " + m.cfg.ResticBucket
	}
	if !review.Proved.IsZero() {
		why += "; the last moment that was proved with one is " + review.Proved.UTC().Format(time.RFC3339)
	}
	return why
}

// inspector judges what is sealed with the key of the session's repository.
func inspector(ctx context.Context, session *restic.Session) s3state.Inspect {
	return func(v s3state.Version, body []byte) (s3state.Verdict, error) {
		what := s3state.TypeOf(v.Key)
		if what == s3state.TypeKey {
			return s3state.Verdict{}, nil // not sealed, and judged by its name
		}
		plain, err := session.Decrypt(ctx, body)
		if err != nil && !errors.Is(err, restic.ErrDamaged) {
			return s3state.Verdict{}, err
		}
		var c content
		if err == nil && what == s3state.TypeIndex && len(plain) > 16*len(body)+1<<20 {
			err = restic.ErrDamaged // no proof takes it either
		}
		if err != nil || json.Unmarshal(plain, &c) != nil || !c.is(what, session) {
			return s3state.Verdict{Suspicious: fmt.Sprintf("it is no %s of this repository's", what)}, nil
		}
		ahead := c.Time.Sub(v.LastModified)
		if what == s3state.TypeSnapshot {
			verdict := s3state.Verdict{Snapshot: c.claim()}
			if ahead > mostAhead {
				verdict.Suspicious = fmt.Sprintf("a snapshot claims a time %.0f days after it was written (%s)", ahead.Hours()/24, c.Time.Format(time.RFC3339))
			}
			if *c.Tree == emptyTree {
				verdict.Suspicious = "a snapshot has nothing in it"
				if c.Original != "" {
					verdict.Suspicious += ", and takes the place of " + c.Original[:min(len(c.Original), 8)]
				}
			}
			return verdict, nil
		}
		if what == s3state.TypeLock {
			return s3state.Verdict{NotExclusive: !*c.Exclusive, Lock: &s3state.LockClaim{Time: c.Time, Host: hashOf(c.Hostname)}}, nil
		}
		return s3state.Verdict{}, nil
	}
}

// emptyTree is the ID of the tree without an entry. No backup makes a snapshot of it.
const emptyTree = "ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8"

// content is of restic's files what tells one type from another. All are sealed alike,
// so a reader of one can pass it off as another.
type content struct {
	Time      time.Time `json:"time"`      // of a lock or a snapshot
	Exclusive *bool     `json:"exclusive"` // of a lock
	PID       *int      `json:"pid"`       // of a lock
	Tree      *string   `json:"tree"`      // of a snapshot
	Hostname  string    `json:"hostname"`  // of a lock or a snapshot
	Paths     []string  `json:"paths"`     // of a snapshot
	Original  string    `json:"original"`  // of a snapshot
	Summary   struct {
		Files int64 `json:"total_files_processed"`
		Bytes int64 `json:"total_bytes_processed"`
	} `json:"summary"` // of a snapshot
	ID string `json:"id"` // of a config
}

func (c *content) is(what s3state.FileType, session *restic.Session) bool {
	switch what {
	case s3state.TypeLock:
		return c.Exclusive != nil && c.PID != nil
	case s3state.TypeSnapshot:
		return c.Tree != nil && isID(c.Tree) && (c.Original == "" || isID(&c.Original))
	case s3state.TypeConfig:
		return c.ID == session.ID()
	}
	return true
}

// isID reports whether a text is an ID, and writes it as restic does.
func isID(text *string) bool {
	id, err := restic.ParseID(*text)
	if err == nil {
		*text = id.String()
	}
	return err == nil
}

// claim is what a snapshot says of itself. It is held for every snapshot there was, and
// remembered, so it has a hash of the host and paths, which may be very long.
func (c *content) claim() *s3state.SnapshotClaim {
	return &s3state.SnapshotClaim{
		Time: c.Time, Group: hashOf(append([]string{c.Hostname}, slices.Sorted(slices.Values(c.Paths))...)...), Original: c.Original,
		Tree: *c.Tree, Size: s3state.SnapshotSize{Entries: c.Summary.Files, Bytes: c.Summary.Bytes},
	}
}

func hashOf(texts ...string) string {
	h := sha256.New()
	for _, text := range texts {
		fmt.Fprintf(h, "%d ", len(text))
		_, _ = io.WriteString(h, text)
	}
	return hex.EncodeToString(h.Sum(nil))
}
