package restic

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrestic "github.com/restic/restic/rwmlink/restic"
	engutil "github.com/restic/restic/rwmlink/util"

	"github.com/cesnet/rwm/s3versions"
)

// treesDir holds copies of packs of trees. It is outside of data/, which a seal denies.
const treesDir = "rwm/trees"

// maxTreePack is larger than any pack: restic makes packs of up to 128 MiB, and adds
// the blob that fills one and the header.
const maxTreePack = 160 << 20

// maxTreesHeld is how much of copies is kept in memory, for a session without a cache.
const maxTreesHeld = 32 << 20

func (b *s3Backend) treeKey(name string) string { return path.Join(b.prefix, treesDir, name) }

// leaveTrees makes the objects below treesDir copies of packs: it has the server copy
// what is missing or differs, and deletes the rest by name. It leaves no copy of a pack
// for which may returns false, or that it could not look at. With nil for packs,
// because which are needed is not known, it leaves those of the copies that may allows.
// It returns how many there are now.
func (b *s3Backend) leaveTrees(ctx context.Context, packs map[string]bool, may mayCopy) (left int, err error) {
	have, err := b.treeCopies(ctx)
	if err != nil {
		return 0, err
	}
	if packs == nil {
		packs = map[string]bool{}
		for name := range have {
			if _, err := engrestic.ParseID(name); err == nil {
				packs[name] = true
			}
		}
	}
	var mu sync.Mutex
	var stale []string // as they are listed: a name may hold anything
	var group errgroup.Group
	group.SetLimit(int(b.connections))
	for name := range packs {
		old, there := have[name]
		delete(have, name)
		group.Go(func() error {
			ok, err := b.copyTrees(ctx, name, old, there, may)
			mu.Lock()
			defer mu.Unlock()
			if ok {
				left++
			} else if there {
				stale = append(stale, old.Key)
			}
			return err
		})
	}
	errs := []error{group.Wait()} // the first is enough
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	for _, obj := range have {
		stale = append(stale, obj.Key)
	}
	for len(stale) > 0 {
		n := min(len(stale), maxBatch)
		for _, err := range b.removeMany(ctx, stale[:n]) {
			errs = append(errs, err)
		}
		stale = stale[n:]
	}
	return left, errors.Join(errs...)
}

// treeCopies lists everything below treesDir, no matter who wrote it.
func (b *s3Backend) treeCopies(ctx context.Context) (map[string]s3versions.Object, error) {
	prefix := b.treeKey("") + "/"
	have := map[string]s3versions.Object{}
	err := b.list(ctx, prefix, true, func(obj s3versions.Object) error {
		have[strings.TrimPrefix(obj.Key, prefix)] = obj
		return nil
	})
	return have, err
}

// mayCopy reports whether a pack of this name and size may be copied.
type mayCopy func(ctx context.Context, name string, size int64) (bool, error)

// copyTrees copies one pack, unless old is that already. A host may write here too, so
// a copy is compared with its pack. It returns false if may does.
func (b *s3Backend) copyTrees(ctx context.Context, name string, old s3versions.Object, there bool, may mayCopy) (bool, error) {
	from, to := b.layout.Filename(engbackend.Handle{Type: engbackend.PackFile, Name: name}), b.treeKey(name)
	var info minio.ObjectInfo
	err := b.watched(ctx, "HEAD", from, func(ctx context.Context) (err error) {
		info, err = b.client.StatObject(ctx, b.bucket, from, minio.StatObjectOptions{})
		return err
	})
	if err != nil {
		return false, err
	}
	if ok, err := may(ctx, name, info.Size); err != nil || !ok {
		return false, err
	}
	if there && info.Size == old.Size && s3versions.BareETag(info.ETag) == old.ETag {
		return true, nil
	}
	err = b.watched(ctx, "PUT", to, func(ctx context.Context) error {
		copied, err := b.client.CopyObject(ctx, minio.CopyDestOptions{Bucket: b.bucket, Object: to}, minio.CopySrcOptions{Bucket: b.bucket, Object: from})
		if err == nil && copied.ETag == "" { // an error in an answer of status 200
			err = errors.New("the server does not confirm the copy")
		}
		return err
	})
	return err == nil, err
}

// watched makes one request that ends when the server falls silent.
func (b *s3Backend) watched(ctx context.Context, method, key string, do func(context.Context) error) error {
	w, ctx := b.watch(ctx)
	defer w.stop()
	if err := do(ctx); err != nil {
		return w.explain(b.fail(method, key, err), func() error { return b.fail(method, key, errStalled) })
	}
	return nil
}

// treesHeld holds the copies that were read last.
type treesHeld struct {
	mu    sync.Mutex // held while one is read: their number is small, their size is not
	list  []heldTrees
	bytes int
}

type heldTrees struct {
	name string
	data []byte
}

func (t *treesHeld) find(name string) []byte {
	for _, h := range t.list {
		if h.name == name {
			return h.data
		}
	}
	return nil
}

func (t *treesHeld) add(name string, data []byte) {
	t.list, t.bytes = append(t.list, heldTrees{name, data}), t.bytes+len(data)
	for t.bytes > maxTreesHeld && len(t.list) > 0 {
		t.bytes -= len(t.list[0].data)
		t.list = t.list[1:]
	}
}

// loadTreeCopy serves a pack that a seal has refused from its copy. If there is no
// copy, or its bytes do not match its name, it returns the refusal, which ends
// operations that need the pack.
func (b *s3Backend) loadTreeCopy(ctx context.Context, h engbackend.Handle, length int, offset int64, refused *s3Error, fn func(rd io.Reader) error) error {
	data, err := b.treeCopy(ctx, h)
	if err != nil {
		return err
	}
	if data == nil || offset > int64(len(data)) || offset+int64(length) > int64(len(data)) {
		endSealed(ctx, refused)
		return refused
	}
	open := func(_ context.Context, _ engbackend.Handle, length int, offset int64) (io.ReadCloser, error) {
		part := data[offset:]
		if length > 0 {
			part = part[:length]
		}
		return io.NopCloser(bytes.NewReader(part)), nil
	}
	return engutil.DefaultLoad(ctx, h, length, offset, open, fn)
}

// treeCopy reads the copy of a pack of trees; nil if there is none. It is whole: its
// SHA-256 is its name.
func (b *s3Backend) treeCopy(ctx context.Context, h engbackend.Handle) ([]byte, error) {
	if !h.IsMetadata {
		return nil, nil
	}
	if _, none := b.sealing.noCopy.Load(h.Name); none {
		return nil, nil
	}
	t := &b.trees
	t.mu.Lock()
	defer t.mu.Unlock()
	if data := t.find(h.Name); data != nil {
		return data, nil
	}
	w, ctx := b.watch(ctx)
	defer w.stop()
	key := b.treeKey(h.Name)
	fail := func(err error) error {
		return w.explain(b.fail("GET", key, err), func() error { return b.fail("GET", key, errStalled) })
	}
	rd, err := b.get(ctx, key, "", 0, 0)
	var data []byte
	if err == nil {
		w.pause()
		data, err = io.ReadAll(io.LimitReader(w.download(rd), maxTreePack+1))
		_ = rd.Close()
	}
	if err != nil {
		if err = fail(err); ctx.Err() == nil && b.IsPermanentError(err) {
			b.sealing.noCopy.Store(h.Name, time.Now())
			return nil, nil
		}
		return nil, err
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != h.Name {
		b.sealing.noCopy.Store(h.Name, time.Now())
		return nil, nil
	}
	t.add(h.Name, data)
	return data, nil
}
