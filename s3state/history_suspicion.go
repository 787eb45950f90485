package s3state

import (
	"fmt"
	"time"
)

// Suspicion is something that no run of restic does: a mark.
type Suspicion struct {
	Time      time.Time
	Key       string // "" if it concerns many
	VersionID string
	Reason    string
	// Setting is the bucket setting that was changed, "" for what concerns objects.
	// Such a mark is dated when the change was found, and does not rule out later
	// moments as good.
	Setting string
	// Standing says why a mark no longer counts; "" if it does.
	Standing Standing

	kind markKind
}

// Standing is why a mark no longer counts.
type Standing string

// The standings of History.Notes.
const (
	// Reviewed: a person has looked at it, see HistoryOptions.ReviewedUntil.
	Reviewed Standing = "reviewed"
	// Resolved: the repository was proved whole at a later moment, or the object was
	// put right.
	Resolved Standing = "resolved"
	// Noted: it is worth knowing, but takes nothing from the repository: an object that
	// does not belong, or what went wrong before there was anything to lose.
	Noted Standing = "noted"
)

// markKind says what can settle a mark other than a person.
type markKind uint8

const (
	markLasting  markKind = iota // nothing: what is gone may have been wanted
	markRepaired                 // the proof of a later moment: the repository lacks nothing
	markInParts                  // that, and the proof of what is current; see settles
	markStanding                 // nothing as long as it is current; see settles
	markStranger                 // it never counts
	markNoted                    // the same
)

// String describes the mark in words.
func (s Suspicion) String() string {
	text := fmt.Sprintf("at %s: %s", s.Time.UTC().Format(time.RFC3339), s.Reason)
	if s.Key != "" {
		text += fmt.Sprintf(" (%q version %q)", s.Key, s.VersionID)
	}
	return text
}

// shortest is the size of the smallest sealed restic object: 16 bytes of nonce
// and 16 of MAC. Keys are JSON, and longer.
const shortest = 32

// largestConfig is many times what a config takes.
const largestConfig = 4 << 10

func suspicious(t FileType, c Change, v *Version) string {
	switch t {
	case TypeOther, TypeState, TypeCanary, TypeTree:
		return ""
	case TypeConfig:
		if c == Deleted {
			return "the repository's config was deleted"
		}
	}
	switch {
	case c == Overwritten && t != TypeLock:
		return fmt.Sprintf("a %s was overwritten with something else", t)
	case c != Deleted && v.Size < shortest:
		return fmt.Sprintf("it is too short (%d bytes) for a %s", v.Size, t)
	}
	return ""
}

// kindOf is what can settle a mark on an object: a pack or an index that was spoiled is
// missed or not, as the repository tells. A snapshot or a key that went is no longer
// missed by anything but a person.
func kindOf(t FileType) markKind {
	switch t {
	case TypePack, TypeIndex:
		return markRepaired
	case TypeOther:
		return markStranger
	}
	return markLasting
}

// settles is kindOf for an object that was overwritten. What was uploaded in parts and
// is still current is in no view of a moment, since [asOf] chooses what lies below it;
// so the proof of a moment does not settle it, but that of what is current. Nor does a
// review: the server may date it to before that although it came later.
func settles(t FileType, v *Version) markKind {
	kind := kindOf(t)
	if !v.IsLatest || !uploadedInParts(v.ETag) || !inRepository(v.Key) {
		return kind
	}
	if kind == markRepaired {
		return markInParts
	}
	return markStanding
}
