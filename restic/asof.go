package restic

import (
	"context"
	"fmt"
	"iter"
	"path"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/objectlist"
	"github.com/minio/minio-go/v7"

	engbackend "github.com/restic/restic/rwmlink/backend"
)

// ObjectVersion is an object of a bucket as it was: the version that was current then.
type ObjectVersion struct {
	Key       string // in the bucket, prefix included
	VersionID string
	Size      int64 // bytes
	// LastModified is when the version was written by the server's clock. Open tries
	// the oldest key first. Zero if it is not known.
	LastModified time.Time
}

// AsOf is a repository in a versioned bucket as it was at some moment, whatever was
// deleted or overwritten since. Nothing is copied: the objects are those given, and are
// read by their version IDs, so the credentials must be allowed to read versions
// (s3:GetObjectVersion).
//
// It is for reading only. No lock is taken and none is seen, every call that writes
// returns ErrReadOnly at once, and no request but GET is sent. Indexes, snapshots and
// trees are cached in a directory of their own, "as-of" below the cache directory. What
// is read is verified by restic's own hashes, so that forged or damaged objects are
// detected.
//
// moment describes the time in messages, for instance "as of 2026-11-01 12:00:00
// +0100". AsOf iterates over the objects once, before it returns, and skips keys that
// restic's layout does not have.
func AsOf(client *minio.Client, bucket, prefix, moment string, objects iter.Seq[ObjectVersion]) Location {
	if objects == nil {
		return AsOfObjects(client, bucket, prefix, moment, nil)
	}
	past := pastRoot{path: strings.Trim(prefix, "/")}
	list := objectlist.Of(func(yield func(objectlist.Object) bool) {
		for o := range objects {
			if _, ok := past.handle(o.Key); !ok {
				continue
			}
			if !yield(objectlist.Object{Key: o.Key, VersionID: o.VersionID, Size: o.Size, Modified: o.LastModified}) {
				return
			}
		}
	})
	return AsOfObjects(client, bucket, prefix, moment, listedObjects{list})
}

// Objects gives the objects of a bucket as it was at a moment. Both methods are called
// concurrently, and must always return the same.
type Objects interface {
	// Get finds an object by its key.
	Get(key string) (ObjectVersion, bool)
	// All iterates over the objects whose keys begin with prefix, in the order of keys.
	All(prefix string) iter.Seq[ObjectVersion]
}

// AsOfObjects is [AsOf] for objects that can be looked up: it copies none of them,
// which halves the memory for millions of objects. nil is an empty bucket.
func AsOfObjects(client *minio.Client, bucket, prefix, moment string, objects Objects) Location {
	prefix = strings.Trim(prefix, "/")
	if objects == nil {
		objects = listedObjects{&objectlist.List{}}
	}
	return &asOfLocation{
		s3Location: s3Location{client: client, bucket: bucket, prefix: prefix},
		moment:     moment, root: pastRoot{prefix}, objects: objects,
	}
}

// listedObjects makes Objects of a list.
type listedObjects struct{ list *objectlist.List }

func (l listedObjects) Get(key string) (ObjectVersion, bool) {
	o, ok := l.list.Get(key)
	return ObjectVersion{o.Key, o.VersionID, o.Size, o.Modified}, ok
}

func (l listedObjects) All(prefix string) iter.Seq[ObjectVersion] {
	return func(yield func(ObjectVersion) bool) {
		for o := range l.list.All(prefix) {
			if !yield(ObjectVersion{o.Key, o.VersionID, o.Size, o.Modified}) {
				return
			}
		}
	}
}

type asOfLocation struct {
	s3Location
	moment  string
	root    pastRoot
	objects Objects
}

func (l *asOfLocation) String() string { return l.s3Location.String() + " " + l.moment }

func (l *asOfLocation) backend(ctx context.Context, o *options, create bool) (engbackend.Backend, error) {
	if create {
		return nil, fmt.Errorf("%s: %w: the past cannot be written to", l, ErrReadOnly)
	}
	if _, err := l.s3Location.backend(ctx, o, create); err != nil {
		return nil, err
	}
	return &asOfBackend{s3Backend: newS3Backend(&l.s3Location, o), past: l}, nil
}

// pastRoot is a repository's root in its bucket.
type pastRoot struct{ path string }

// pastDirs are where the types of files are. Old locks are skipped; nobody holds them.
var pastDirs = map[string]engbackend.FileType{
	"data": engbackend.PackFile, "keys": engbackend.KeyFile, "snapshots": engbackend.SnapshotFile, "index": engbackend.IndexFile,
}

// key returns the key of an object of a type that can be read.
func (r pastRoot) key(h engbackend.Handle) (string, bool) {
	if h.Type == engbackend.ConfigFile {
		return path.Join(r.path, "config"), true
	}
	for dir, t := range pastDirs {
		switch {
		case t != h.Type || len(h.Name) < 2:
		case t == engbackend.PackFile:
			return path.Join(r.path, dir, h.Name[:2], h.Name), true
		default:
			return path.Join(r.path, dir, h.Name), true
		}
	}
	return "", false
}

// dir is the beginning of the keys of a type.
func (r pastRoot) dir(t engbackend.FileType) (string, bool) {
	if t == engbackend.ConfigFile {
		return path.Join(r.path, "config"), true
	}
	for dir, is := range pastDirs {
		if is == t {
			return path.Join(r.path, dir) + "/", true
		}
	}
	return "", false
}

// handle returns what restic stores under a key.
func (r pastRoot) handle(key string) (engbackend.Handle, bool) {
	below := key
	if r.path != "" {
		below = strings.TrimPrefix(key, r.path+"/")
	}
	if below == "config" {
		return engbackend.Handle{Type: engbackend.ConfigFile}, path.Join(r.path, below) == key
	}
	dir, _, _ := strings.Cut(below, "/")
	h := engbackend.Handle{Type: pastDirs[dir], Name: path.Base(below)}
	is, ok := r.key(h)
	return h, ok && is == key
}
