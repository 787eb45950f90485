// Package blobfake is a repository in memory for tests of what loads blobs ahead: each
// load can be delayed, held up and counted. It has the methods of restic.Reader, in
// whichever types the test has for them.
package blobfake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// ErrDamaged is the error of a blob that is not what it should be.
var ErrDamaged = errors.New("damaged")

// Prefix is what stored bytes have before the plain ones, so that offsets matter.
const Prefix = "stored: "

// handle and location are restic.BlobHandle and restic.BlobLocation beneath their
// names.
type (
	handle[T ~uint8, I ~[32]byte] = struct {
		Type T
		ID   I
	}
	location[I ~[32]byte] = struct {
		Pack                 I
		Offset, Length, Size uint
		Compressed           bool
	}
)

// Repo is the repository.
type Repo[T ~uint8, I ~[32]byte, H interface {
	comparable
	~handle[T, I]
}, P ~location[I]] struct {
	Packs map[I][]byte
	Delay time.Duration // of a load
	Hang  chan struct{} // loads wait until it is closed

	Loads, Running, Most atomic.Int64

	mu        sync.Mutex
	locations map[H][]P
}

// Add appends blobs to a pack.
func (f *Repo[T, I, H, P]) Add(pack byte, t T, blobs ...[]byte) (handles []H) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.Packs == nil {
		f.Packs, f.locations = map[I][]byte{}, map[H][]P{}
	}
	id := I{pack}
	for _, plain := range blobs {
		h := H(handle[T, I]{t, sha256.Sum256(plain)})
		f.locations[h] = append(f.locations[h], P(location[I]{id, uint(len(f.Packs[id])), uint(len(Prefix) + len(plain)), uint(len(plain)), false}))
		f.Packs[id] = append(append(f.Packs[id], Prefix...), plain...)
		handles = append(handles, h)
	}
	return handles
}

// Connections is how many loads should run at the same time.
func (f *Repo[T, I, H, P]) Connections() int { return 8 }

// Size is the plain size of a blob.
func (f *Repo[T, I, H, P]) Size(h H) (uint64, bool) {
	list := f.Locations(h)
	if len(list) == 0 {
		return 0, false
	}
	return uint64(location[I](list[0]).Size), true
}

// Locations is where a blob was added.
func (f *Repo[T, I, H, P]) Locations(h H) []P {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.locations[h])
}

// LoadRange passes a part of a pack to fn.
func (f *Repo[T, I, H, P]) LoadRange(ctx context.Context, _ T, pack I, offset, length uint, fn func(io.Reader) error) error {
	f.Loads.Add(1)
	f.Most.Store(max(f.Most.Load(), f.Running.Add(1)))
	defer f.Running.Add(-1)
	if f.Hang != nil {
		select {
		case <-f.Hang:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	time.Sleep(f.Delay)
	f.mu.Lock()
	stored := f.Packs[pack]
	f.mu.Unlock()
	return fn(bytes.NewReader(stored[offset : offset+length]))
}

// Decrypt returns the plain bytes of a blob, if they are right.
func (f *Repo[T, I, H, P]) Decrypt(h H, _ P, buf []byte, _ func(int) []byte) ([]byte, error) {
	plain := buf[len(Prefix):]
	if sha256.Sum256(plain) == handle[T, I](h).ID {
		return plain, nil
	}
	return nil, ErrDamaged
}

// LoadBlob loads a blob from any of its locations.
func (f *Repo[T, I, H, P]) LoadBlob(ctx context.Context, h H) (plain []byte, err error) {
	err = errors.New("no copy")
	for _, at := range f.Locations(h) {
		p := location[I](at)
		err = f.LoadRange(ctx, 0, p.Pack, p.Offset, p.Length, func(rd io.Reader) error {
			buf, err := io.ReadAll(rd)
			if err == nil {
				plain, err = f.Decrypt(h, at, buf, nil)
			}
			return err
		})
		if err == nil {
			return plain, nil
		}
	}
	return nil, err
}

// Log collects what is logged.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write collects a line.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns all lines.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Logger returns a logger that writes to l.
func (l *Log) Logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
