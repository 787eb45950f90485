package restic

import (
	"crypto/sha256"
	"encoding/json"
	"sync"

	engcrypto "github.com/restic/restic/rwmlink/crypto"
)

// Ledger remembers, across proofs of one repository, which packs were compared with
// the index, so that they are not read again: the name of a pack is the hash of its
// content. It is safe for concurrent use. The zero value knows nothing.
type Ledger struct {
	mu         sync.Mutex
	repository [sha256.Size]byte // of its ID and its master key
	key        tagKey
	packs      map[uint64]struct{} // tags of a pack and of what an index says of it
}

// open returns the key of the tags for a repository. What is known of another one is
// forgotten: nothing of one repository may speak for another, and its ID alone, which
// anybody can write into a config, does not tell them apart.
func (l *Ledger) open(id string, master *engcrypto.Key) tagKey {
	text, _ := json.Marshal(master) // some fixed arrays
	repository := sha256.Sum256(append([]byte(id), text...))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.packs == nil || l.repository != repository {
		l.repository, l.key, l.packs = repository, newTagKey(), map[uint64]struct{}{}
	}
	return l.key
}

func (l *Ledger) knowsPack(key tagKey, tag uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.packs[tag]
	return ok && l.key == key
}

func (l *Ledger) addPack(key tagKey, tag uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.key == key {
		l.packs[tag] = struct{}{}
	}
}
