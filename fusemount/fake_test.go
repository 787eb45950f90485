//go:build linux

package fusemount

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"

	"github.com/cesnet/rwm/restic"
)

// fake is a repository in memory. Stored bytes are the plain ones behind a prefix, so
// that offsets matter.
type fake struct {
	mu        sync.Mutex
	packs     map[restic.ID][]byte
	locations map[restic.BlobHandle][]restic.BlobLocation
	delay     time.Duration
	fail      func(pack restic.ID, offset uint) error // instead of loading

	loads, running, most atomic.Int64
	hang                 chan struct{} // loads wait until it is closed
}

const prefix = "stored: "

func newFake() *fake {
	return &fake{packs: map[restic.ID][]byte{}, locations: map[restic.BlobHandle][]restic.BlobLocation{}}
}

// add appends blobs to a pack.
func (f *fake) add(pack byte, t restic.BlobType, blobs ...[]byte) (handles []restic.BlobHandle) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := restic.ID{pack}
	for _, plain := range blobs {
		h := restic.BlobHandle{Type: t, ID: restic.ID(sha256.Sum256(plain))}
		f.locations[h] = append(f.locations[h], restic.BlobLocation{Pack: id, Offset: uint(len(f.packs[id])), Length: uint(len(prefix) + len(plain)), Size: uint(len(plain))})
		f.packs[id] = append(append(f.packs[id], prefix...), plain...)
		handles = append(handles, h)
	}
	return handles
}

func (f *fake) Connections() int { return 8 }

func (f *fake) Size(h restic.BlobHandle) (uint64, bool) {
	p := f.Locations(h)
	if len(p) == 0 {
		return 0, false
	}
	return uint64(p[0].Size), true
}

func (f *fake) Locations(h restic.BlobHandle) []restic.BlobLocation {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.locations[h])
}

func (f *fake) LoadRange(ctx context.Context, _ restic.BlobType, pack restic.ID, offset, length uint, fn func(io.Reader) error) error {
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
	all, fail := f.packs[pack], f.fail
	f.mu.Unlock()
	if fail != nil {
		if err := fail(pack, offset); err != nil {
			return err
		}
	}
	return fn(bytes.NewReader(all[offset : offset+length]))
}

func (f *fake) Decrypt(h restic.BlobHandle, _ restic.BlobLocation, buf []byte, _ func(int) []byte) ([]byte, error) {
	plain := buf[len(prefix):]
	if sha256.Sum256(plain) != h.ID {
		return nil, fmt.Errorf("%w: %v", restic.ErrDamaged, h)
	}
	return plain, nil
}

func (f *fake) LoadBlob(ctx context.Context, h restic.BlobHandle) (plain []byte, err error) {
	err = errors.New("no copy")
	for _, p := range f.Locations(h) {
		err = f.LoadRange(ctx, h.Type, p.Pack, p.Offset, p.Length, func(rd io.Reader) error {
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

// mountFake mounts one snapshot of a repository in memory and returns the directory.
func mountFake(t *testing.T, src source, tree restic.ID, change ...func(*mount)) (dir string, root *namesDir) {
	t.Helper()
	opts, err := Options{}.complete()
	if err != nil {
		t.Fatal(err)
	}
	m := newMount(opts)
	m.loader = newLoader(src, m.log, opts.CacheSize, opts.ReadTimeout)
	m.snapshots.list = func(context.Context) ([]restic.Snapshot, error) { return []restic.Snapshot{{Tree: tree}}, nil }
	for _, c := range change {
		c(m)
	}
	close(m.ready)
	dir = t.TempDir()
	root = newNamesDir(m, "")
	server, err := fs.Mount(dir, root, m.fuseOptions("0123456789"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := unmount(dir); err != nil {
			t.Error(err)
		}
		m.loader.close()
		server.Wait()
	})
	return dir, root
}
