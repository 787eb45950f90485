package s3state

import (
	"fmt"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/plural"
	"github.com/cesnet/rwm/internal/s3err"
)

// Verification is the comparison of a saved state with the version history,
// which the server keeps and the host cannot change.
type Verification struct {
	Status       VerifyStatus
	Differences  []Difference // at most the first 1000
	Total        int          // how many there are
	Missing      []MissingVersion
	TotalMissing int
	// Reclaimed counts those of TotalMissing that the bucket's own lifecycle rule may
	// have removed: they had not been current for as many days as the rule waits.
	Reclaimed int
	// Lapse is set for a time, not a saved state, if nothing shows what the bucket's
	// own lifecycle rule has removed since.
	Lapse *Lapse
	// StatesGone counts earlier saved states that this one names and that no longer
	// exist. DropVersions removes them, and a repository is complete without them.
	StatesGone int
	// From and To bound the time, by the server's clock, at which the state was
	// captured. What was written between them may or may not be in the state.
	From, To time.Time
}

// VerifyStatus is the outcome of a verification.
type VerifyStatus string

const (
	// Verified: the history shows exactly these objects at the state's time.
	Verified VerifyStatus = "verified"
	// Differs: the history contradicts the state. It was forged, or written by
	// something else than RWM.
	Differs VerifyStatus = "differs"
	// Unverifiable: versions the state names are gone, so neither can be told.
	Unverifiable VerifyStatus = "unverifiable"
	// Reclaimed: versions the state names are gone, so neither can be told, but the
	// bucket's own lifecycle rule accounts for each: it removes what has not been
	// current for a number of days. Of a time, rather than a state, the rule may have
	// removed some versions.
	Reclaimed VerifyStatus = "reclaimed"
)

// Difference is one contradiction.
type Difference struct {
	Key       string // "" if it concerns the state as a whole
	VersionID string // as the state has it; "" if it leaves the key out
	Reason    string
}

func (d Difference) String() string {
	if d.Key == "" {
		return d.Reason
	}
	if d.VersionID == "" {
		return fmt.Sprintf("%q: %s", d.Key, d.Reason)
	}
	return fmt.Sprintf("%q version %s: %s", d.Key, s3err.Word(d.VersionID), d.Reason)
}

// first is the first contradiction, for the end of a sentence.
func (v *Verification) first() string {
	switch {
	case len(v.Differences) > 0:
		return ", first " + v.Differences[0].String()
	case len(v.Missing) > 0:
		return ", first " + Difference(v.Missing[0]).String()
	}
	return ""
}

// StateDiffersError says that a state contradicts the version history. It is an
// ErrStateDiffers.
type StateDiffersError struct {
	Bucket, StateKey string
	Verification     *Verification
}

func (e *StateDiffersError) Error() string {
	if e.Verification == nil {
		return fmt.Sprintf("state %q of bucket %s: %v", e.StateKey, e.Bucket, ErrStateDiffers)
	}
	return fmt.Sprintf("state %q of bucket %s: %v in %d places%s; it may be forged, nothing was created",
		e.StateKey, e.Bucket, ErrStateDiffers, e.Verification.Total, e.Verification.first())
}

func (e *StateDiffersError) Is(target error) bool { return target == ErrStateDiffers }

// MissingVersion is an entry of a state for which the bucket has no such
// version, or another one than the state claims.
type MissingVersion struct {
	Key, VersionID string
	Reason         string
}

// MissingVersionsError says that a state cannot be restored as it is. Nothing
// was created or copied. It is an ErrMissing.
type MissingVersionsError struct {
	Bucket     string
	StateKey   string
	Missing    []MissingVersion // at most the first 1000
	Total      int
	OfVersions int // how many current versions the state names
}

func (e *MissingVersionsError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "state %q cannot be restored: %d of the %s it names %s not in bucket %s as it says",
		e.StateKey, e.Total, plural.Of(e.OfVersions, "version"), plural.Are(e.Total), e.Bucket)
	for i, m := range e.Missing {
		if i == 3 {
			b.WriteString("; …")
			break
		}
		fmt.Fprintf(&b, "; %q version %s: %s", m.Key, s3err.Word(m.VersionID), m.Reason)
	}
	b.WriteString("; nothing was created, choose another state")
	return b.String()
}

func (e *MissingVersionsError) Is(target error) bool { return target == ErrMissing }
