package blobload

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

var errDamaged = errors.New("damaged")

// fake is a repository in memory. Stored bytes are the plain ones behind a prefix, so
// that offsets matter.
type fake struct {
	mu     sync.Mutex
	packs  map[[32]byte][]byte
	places map[Handle][]Place
	delay  time.Duration

	loads, running, most atomic.Int64
	hang                 chan struct{} // loads wait until it is closed
}

const prefix = "stored: "

func newFake() *fake {
	return &fake{packs: map[[32]byte][]byte{}, places: map[Handle][]Place{}}
}

// add appends blobs to a pack.
func (f *fake) add(pack byte, blobs ...[]byte) (handles []Handle) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := [32]byte{pack}
	for _, plain := range blobs {
		h := Handle{ID: sha256.Sum256(plain)}
		f.places[h] = append(f.places[h], Place{Pack: id, Offset: uint(len(f.packs[id])), Length: uint(len(prefix) + len(plain)), Size: uint(len(plain))})
		f.packs[id] = append(append(f.packs[id], prefix...), plain...)
		handles = append(handles, h)
	}
	return handles
}

func (f *fake) Connections() int { return 8 }

func (f *fake) all(h Handle) []Place {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.places[h])
}

func (f *fake) Place(h Handle) (Place, bool) {
	if list := f.all(h); len(list) > 0 {
		return list[0], true
	}
	return Place{}, false
}

func (f *fake) LoadRange(ctx context.Context, _ bool, pack [32]byte, offset, length uint, fn func(io.Reader) error) error {
	f.loads.Add(1)
	f.most.Store(max(f.most.Load(), f.running.Add(1)))
	defer f.running.Add(-1)
	if f.hang != nil {
		select {
		case <-f.hang:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	time.Sleep(f.delay)
	f.mu.Lock()
	stored := f.packs[pack]
	f.mu.Unlock()
	return fn(bytes.NewReader(stored[offset : offset+length]))
}

func (f *fake) Decrypt(h Handle, _ Place, buf []byte, _ func(int) []byte) ([]byte, error) {
	plain := buf[len(prefix):]
	if sha256.Sum256(plain) != h.ID {
		return nil, errDamaged
	}
	return plain, nil
}

func (f *fake) LoadBlob(ctx context.Context, h Handle) (plain []byte, err error) {
	err = errors.New("no copy")
	for _, p := range f.all(h) {
		err = f.LoadRange(ctx, h.Tree, p.Pack, p.Offset, p.Length, func(rd io.Reader) error {
			buf, err := io.ReadAll(rd)
			if err == nil {
				plain, err = f.Decrypt(h, p, buf, nil)
			}
			return err
		})
		if err == nil {
			return plain, nil
		}
	}
	return nil, err
}

func (f *fake) Decode(Handle, []byte) (any, error) { return nil, errDamaged }

func (f *fake) Damaged(err error) bool { return errors.Is(err, errDamaged) }
