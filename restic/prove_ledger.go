package restic

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"

	engcrypto "github.com/restic/restic/rwmlink/crypto"
)

// Ledger remembers, across proofs of one repository, which packs were compared with
// the index, so that they are not read again, and of which indexes and snapshots a copy
// in the cache stands for the version in the bucket: the name of each is the hash of
// its content, and a version of an object never changes. It can be kept in a file where no
// host can write. It is safe for concurrent use. The zero value knows nothing.
type Ledger struct {
	mu         sync.Mutex
	repository [sha256.Size]byte // of its ID and its master key
	key        tagKey
	// known are tags of a pack, its version, and what an index says of it, and of other
	// objects and their versions.
	known map[uint64]struct{}
}

// open returns the key of the tags for a repository. What is known of another one is
// forgotten: nothing of one repository may speak for another, and its ID alone, which
// anybody can write into a config, does not tell them apart.
func (l *Ledger) open(id string, master *engcrypto.Key) tagKey {
	repository := identity(id, master)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil || l.repository != repository {
		l.repository, l.key, l.known = repository, newTagKey(), map[uint64]struct{}{}
	}
	return l.key
}

// identity distinguishes a repository from every other one without revealing its key.
func identity(id string, master *engcrypto.Key) [sha256.Size]byte {
	text, _ := json.Marshal(master) // some fixed arrays
	return sha256.Sum256(append([]byte(id), text...))
}

// Identity returns a hash of the repository's ID and its master key, which tells it
// from every other repository, even one with the same ID. It reveals neither.
func (s *Session) Identity(ctx context.Context) (string, error) {
	if s.never() {
		return "", errNilSession
	}
	repo, err := s.known.open(ctx, s.stack, s.opts.engine())
	if err != nil {
		return "", err
	}
	sum := identity(s.ID(), repo.Key())
	return hex.EncodeToString(sum[:]), nil
}

// ledgerForm is how a Ledger is written: this byte, the repository, the key of the
// tags, and the tags in ascending order.
const ledgerForm = 1

// MarshalBinary writes what is known. It holds no secret.
func (l *Ledger) MarshalBinary() ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := append([]byte{ledgerForm}, l.repository[:]...)
	out = append(out, l.key[:]...)
	out = slices.Grow(out, 8*len(l.known))
	for _, tag := range slices.Sorted(maps.Keys(l.known)) {
		out = binary.BigEndian.AppendUint64(out, tag)
	}
	return out, nil
}

// UnmarshalBinary replaces what is known.
func (l *Ledger) UnmarshalBinary(data []byte) error {
	head := 1 + len(l.repository) + len(l.key)
	if len(data) < head || data[0] != ledgerForm || (len(data)-head)%8 != 0 {
		return errors.New("not what a Ledger has written")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	copy(l.repository[:], data[1:])
	copy(l.key[:], data[1+len(l.repository):])
	l.known = make(map[uint64]struct{}, (len(data)-head)/8)
	for data = data[head:]; len(data) > 0; data = data[8:] {
		l.known[binary.BigEndian.Uint64(data)] = struct{}{}
	}
	return nil
}

func (l *Ledger) knows(key tagKey, tag uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.known[tag]
	return ok && l.key == key
}

func (l *Ledger) add(key tagKey, tag uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.key == key {
		l.known[tag] = struct{}{}
	}
}
