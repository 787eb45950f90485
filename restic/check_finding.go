package restic

import (
	"fmt"
	"strings"
)

// FindingKind says what is wrong.
type FindingKind int

// What a check can find. The first group is damage, the second is untidy but loses nothing.
const (
	SnapshotUnreadable FindingKind = iota + 1 // Snapshot cannot be loaded or decoded
	IndexUnreadable                           // Index cannot be loaded or decoded
	IndexInconsistent                         // the indexes disagree about what is in Pack
	PackMissing                               // Pack is in the index but not in the storage
	PackSizeWrong                             // Pack has another size than the index says
	PackDamaged                               // the content of Pack is not what it should be
	PackUnreadable                            // Pack could not be read at all
	BlobDamaged                               // Blob in Pack cannot be decoded or has another content
	TreeUnreadable                            // Tree cannot be loaded or decoded
	TreeInvalid                               // an entry of Tree makes no sense
	BlobMissing                               // Blob, part of the file Name in Tree, is in no index

	PackNotIndexed // Pack is in no index; Prune removes it
	PackDuplicate  // Pack is in several indexes; RepairIndex puts that right
	PackMixed      // Pack holds trees and data; Prune puts that right
	Unstable       // Pack was found damaged, but not when it was read again
)

var findingNames = map[FindingKind]string{
	SnapshotUnreadable: "snapshot unreadable",
	IndexUnreadable:    "index unreadable",
	IndexInconsistent:  "indexes disagree about pack",
	PackMissing:        "pack missing",
	PackSizeWrong:      "pack has wrong size",
	PackDamaged:        "pack damaged",
	PackUnreadable:     "pack unreadable",
	BlobDamaged:        "blob damaged",
	TreeUnreadable:     "tree unreadable",
	TreeInvalid:        "tree invalid",
	BlobMissing:        "blob missing",
	PackNotIndexed:     "pack not in any index",
	PackDuplicate:      "pack in several indexes",
	PackMixed:          "pack holds trees and data",
	Unstable:           "pack read correctly only at the second attempt",
}

// String names the kind in words.
func (k FindingKind) String() string {
	if name, ok := findingNames[k]; ok {
		return name
	}
	return fmt.Sprintf("FindingKind(%d)", int(k))
}

// Finding is one thing a check found. The IDs that have no meaning for its kind are zero. It is an error, too.
type Finding struct {
	Kind     FindingKind
	Snapshot ID
	Index    ID
	Indexes  []ID // for IndexInconsistent and PackDuplicate
	Pack     ID
	Tree     ID
	Blob     ID
	// Name is the entry of Tree that is concerned. For the whole path see CheckResult.Affected.
	Name string
	// Err says more, if there is more to say.
	Err error
}

// Damage reports whether data is lost or in danger, as opposed to merely untidy.
func (f Finding) Damage() bool {
	switch f.Kind {
	case PackNotIndexed, PackDuplicate, PackMixed:
		return false
	}
	return true
}

// Error describes the finding.
func (f Finding) Error() string {
	var b strings.Builder
	b.WriteString(f.Kind.String())
	for _, part := range []struct {
		name string
		id   ID
	}{{"snapshot", f.Snapshot}, {"index", f.Index}, {"pack", f.Pack}, {"tree", f.Tree}, {"blob", f.Blob}} {
		if !part.id.IsZero() {
			fmt.Fprintf(&b, ", %s %v", part.name, part.id)
		}
	}
	if len(f.Indexes) > 0 {
		fmt.Fprintf(&b, ", indexes %v", f.Indexes)
	}
	if f.Name != "" {
		fmt.Fprintf(&b, ", entry %q", f.Name)
	}
	if f.Err != nil {
		fmt.Fprintf(&b, ": %v", f.Err)
	}
	return b.String()
}

// Unwrap returns Err.
func (f Finding) Unwrap() error { return f.Err }
