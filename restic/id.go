package restic

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	engrestic "github.com/restic/restic/rwmlink/restic"
)

// ID names an object of a repository (a snapshot, a pack, a key, …) or a blob or tree
// inside it. It is the SHA-256 of the stored bytes (for blobs and trees: of the plain
// bytes).
type ID [sha256.Size]byte

// ParseID reads an ID as String writes it: 64 hexadecimal digits. To find a snapshot by
// a prefix of its ID, use [SnapshotFilter].
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != hex.EncodedLen(len(id)) {
		return ID{}, fmt.Errorf("invalid ID %q: %d hexadecimal digits expected", s, hex.EncodedLen(len(id)))
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, fmt.Errorf("invalid ID %q: %w", s, err)
	}
	return id, nil
}

// String returns the 64 hexadecimal digits of the ID.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Short returns the first 8 hexadecimal digits, the form used in messages.
func (id ID) Short() string { return hex.EncodeToString(id[:4]) }

// IsZero reports whether the ID is unset.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText writes the ID as String does, also in JSON.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *ID) UnmarshalText(text []byte) error {
	parsed, err := ParseID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// fromEngine converts the engine's ID, which may be missing.
func fromEngine(id *engrestic.ID) ID {
	if id == nil {
		return ID{}
	}
	return ID(*id)
}
