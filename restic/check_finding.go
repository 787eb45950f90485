package restic

import (
	"fmt"
	"strings"
)

// FindingKind is a kind of problem.
type FindingKind int

// Kinds of findings. The first group is damage; the second is untidy, but no data is
// lost.
const (
	SnapshotUnreadable FindingKind = iota + 1 // Snapshot cannot be loaded or decoded
	IndexUnreadable                           // Index cannot be loaded or decoded
	IndexInconsistent                         // the indexes disagree about what is in Pack
	PackMissing                               // Pack is in the index but not in the storage
	PackSizeWrong                             // Pack has another size than the index says
	PackDamaged                               // the content of Pack is wrong
	PackUnreadable                            // Pack could not be read at all
	// Blob in Pack cannot be decoded or has another content
	BlobDamaged
	TreeUnreadable // Tree cannot be loaded or decoded
	TreeInvalid    // an entry of Tree makes no sense
	BlobMissing    // Blob, part of the file Name in Tree, is in no index

	PackNotIndexed // Pack is in no index; Prune removes it
	PackDuplicate  // Pack is in several indexes; RepairIndex fixes that
	PackMixed      // Pack holds trees and data; Prune fixes that
	Unstable       // Pack was found damaged, but not when it was read again
)

// What only Prove finds; both are damage.
const (
	KeysUnusable   FindingKind = iota + 101 // no key object is left, or none holds a valid key
	ConfigUnusable                          // the config is missing, damaged or names no repository
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
	KeysUnusable:       "no usable key",
	ConfigUnusable:     "config unusable",
}

// String names the kind in words.
func (k FindingKind) String() string {
	if name, ok := findingNames[k]; ok {
		return name
	}
	return fmt.Sprintf("FindingKind(%d)", int(k))
}

// MarshalText writes the kind as String does, which also is its form in JSON.
func (k FindingKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (k *FindingKind) UnmarshalText(text []byte) error {
	for kind, name := range findingNames {
		if name == string(text) {
			*k = kind
			return nil
		}
	}
	return fmt.Errorf("unknown kind of finding %q", text)
}

// Finding is one thing a check found. The IDs that have no meaning for its kind are
// zero. It is an error, too.
type Finding struct {
	Kind     FindingKind
	Snapshot ID
	Index    ID
	Indexes  []ID // for IndexInconsistent and PackDuplicate
	Pack     ID
	Tree     ID
	Blob     ID
	// Name is the affected entry of Tree. CheckResult.Affected has the whole path.
	Name string
	// Err has details, if there are any.
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
