package keeper

import (
	"context"
	"errors"
	"time"

	"github.com/cesnet/rwm/keeper/signs"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// Storage gives a pass access to one storage: one repository in one bucket, seen with
// the keeper's rights. The Keeper makes one for each storage of a pass ([WithStorage]
// replaces it). An error of any method means that the question was not answered, not
// that the answer is bad.
type Storage interface {
	// Survey lists all versions of the bucket. last is the survey of the pass before,
	// or nil: it may tell what to expect.
	Survey(ctx context.Context, last *Survey) (*Survey, error)
	// Policy checks policy, versioning and lock.
	Policy(ctx context.Context) (*PolicyResult, error)
	// Access tests with the host's credentials what they allow.
	Access(ctx context.Context) (*AccessResult, error)
	// History judges the version history, and proves the newest moment on the way if it
	// has no mark. Marks up to reviewed, which a person has looked at, do not count.
	History(ctx context.Context, reviewed time.Time) (*HistoryResult, error)
	// Prove proves that the repository as of a moment can be restored.
	Prove(ctx context.Context, at time.Time) (*Proof, error)
	// Renew extends the locks of needed objects. With a reason to freeze it extends
	// those of everything in the bucket, including deleted objects. ErrNotLocked means
	// that there is nothing to renew.
	Renew(ctx context.Context, freeze string) (*Renewal, error)
	// Forget removes the snapshots that the policy does not keep, and prunes.
	Forget(ctx context.Context, policy restic.Policy) (*Forgotten, error)
	// Drop removes old versions, except those needed for moments within keep.
	Drop(ctx context.Context, keep time.Duration) (*Dropped, error)
	// ReadSlice reads part n of the packs, 1 ≤ n ≤ of ≤ 256.
	ReadSlice(ctx context.Context, n, of uint) (*ReadResult, error)
	// Snapshots lists the snapshots, the oldest first.
	Snapshots(ctx context.Context) ([]restic.Snapshot, error)
	// Source reads trees and blobs, for the signs of ransomware.
	Source(ctx context.Context) (signs.Source, error)
	// Drill restores samples.
	Drill(ctx context.Context, plan DrillPlan) (*DrillResult, error)
	// Close releases everything the Storage holds.
	Close() error
}

// ErrNotLocked: the bucket has no object lock.
var ErrNotLocked = s3state.ErrNotLocked

// errNoPassword says why what needs the repository's password is not proved.
var errNoPassword = errors.New("the repository's password is not configured")

// Survey sums up a bucket's version listing.
type Survey struct {
	// Fingerprint changes whenever a version or delete marker comes, goes or is
	// replaced, as a null version can be.
	Fingerprint string `json:"fingerprint"`

	Objects  int64 `json:"objects"` // current
	Bytes    int64 `json:"bytes"`
	OldCount int64 `json:"old_versions"`
	OldBytes int64 `json:"old_bytes"`
	Markers  int64 `json:"delete_markers"`
	Packs    int64 `json:"packs"` // current
	// Snapshots changes whenever a snapshot comes or goes, as Fingerprint does.
	Snapshots string `json:"snapshots,omitempty"`
	// Newest is when the last version or marker was written, NewestSnapshot when the
	// newest snapshot object was first written, by the server's clock.
	Newest         time.Time `json:"newest"`
	NewestSnapshot time.Time `json:"newest_snapshot"`
	// OldestSnapshot is when the oldest snapshot object that still has a version was
	// written.
	OldestSnapshot time.Time `json:"oldest_snapshot"`
}

// PolicyResult reports whether policy, versioning and lock of a bucket are as they
// should be.
type PolicyResult struct {
	OK       bool
	Problems []string
	// Locked reports that the bucket has an object lock. Unknown is the reason why the
	// lock could not be read; "" if it could.
	Locked  bool
	Unknown string
	// KeepsSeconds is how long the lock keeps every moment restorable; 0 if it is not
	// known.
	KeepsSeconds float64
	// Settings are the bucket's settings as they were found; nil if they are not
	// watched.
	Settings map[string][]string
}

// AccessResult describes what the host's credentials allow.
type AccessResult struct {
	OK   bool
	Harm []string // what the host could do and must not
}

// HistoryResult is the history of a bucket and what is suspicious in it.
type HistoryResult struct {
	Marks    []Mark    // what no run of restic does, the oldest first
	Total    int       // of marks, of which some may have been left out
	LastGood time.Time // zero if there is no good moment
	Unread   int       // objects judged by the listing alone
	Notes    []string  // what could not be judged
	Steps    []HistoryStep
	Settled  []Mark      // marks that do not count; Standing says why
	States   []time.Time // when states were saved
	Proof    *Proof      // of LastGood; nil if nothing was proved
}

// Mark is something suspicious in the history.
type Mark struct {
	Time   time.Time `json:"time"`
	Key    string    `json:"key"`
	Reason string    `json:"reason"`
	// Standing says why it does not count; "" if it does.
	Standing s3state.Standing `json:"standing,omitempty"`
}

// HistoryStep is a period of activity, usually one backup run.
type HistoryStep struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Written int64     `json:"written"`
	Deleted int64     `json:"deleted"`
	Bytes   int64     `json:"bytes"`
	Marks   int       `json:"marks"`
	What    string    `json:"what"` // in words
}

// Proof is the result of proving a moment. Proved is set only if every needed object
// exists and is whole, as far as can be told without reading all data, which is read of
// small repositories only.
type Proof struct {
	Moment    time.Time `json:"moment"`
	Proved    bool      `json:"proved"`
	Why       string    `json:"why,omitempty"` // why not
	Snapshots int       `json:"snapshots"`
	Packs     int       `json:"packs"`
	DataRead  bool      `json:"data_read,omitempty"` // every pack was read, too
	Damage    bool      `json:"damage,omitempty"`    // something is wrong, not just unknown
}

// Renewal is the result of renewing locks.
type Renewal struct {
	Extended int64 // versions
	Needed   int64
	Young    int64     // of Needed, so new that they are left to the next pass
	Floor    time.Time // until when everything needed is locked
	Kept     bool      // the bucket keeps its promise
	Problems []string  // why it does not
	// Weakened says what the bucket's settings promise less than the earlier renewals
	// kept, which this one kept, too. Wrong says that locks were found shorter than
	// earlier renewals had made them. "" if nothing.
	Weakened, Wrong string
}

// Forgotten is the result of forgetting and pruning.
type Forgotten struct {
	Removed []restic.ID // snapshots
	Freed   uint64      // bytes
}

// Dropped counts the old versions removed.
type Dropped struct {
	Versions, Markers, Bytes int64
}

// ReadResult is the result of reading packs.
type ReadResult struct {
	Packs  int
	Bytes  uint64
	Damage []string // at most the first 1000
	Faults int      // how many there are
}

// DrillPlan describes what a drill restores.
type DrillPlan struct {
	Now   time.Time // the newest moment
	Then  time.Time // the oldest promised one; zero if there is none yet
	Files int       // for each moment
	Seed  uint64    // makes a drill repeatable
	Whole int64     // restore a snapshot whole if it has no more bytes; 0 for no
}

// DrillResult is the result of a drill.
type DrillResult struct {
	Time    time.Time `json:"time"`
	Files   int       `json:"files"`
	Bytes   uint64    `json:"bytes"`
	Seconds float64   `json:"seconds"`         // how long it took
	Whole   string    `json:"whole,omitempty"` // snapshot restored whole
	// Moments are the moments that were restored from.
	Moments []time.Time `json:"moments"`
	// Failed lists the files that could not be restored, or differ from the snapshot.
	Failed []string `json:"failed,omitempty"`
}

// BytesPerSecond returns the measured speed.
func (d *DrillResult) BytesPerSecond() float64 {
	if d == nil || d.Seconds <= 0 {
		return 0
	}
	return float64(d.Bytes) / d.Seconds
}
