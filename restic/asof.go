package restic

import (
	"context"
	"fmt"
	"iter"
	"path"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	engbackend "github.com/restic/restic/rwmlink/backend"
	englayout "github.com/restic/restic/rwmlink/layout"
)

// ObjectVersion is an object of a bucket as it was: the version that was current then.
type ObjectVersion struct {
	Key       string // in the bucket, prefix included
	VersionID string
	Size      int64 // bytes
	// Modified is when the version was written by the server's clock. Of keys the oldest
	// is tried first; zero if it is not known.
	Modified time.Time
}

// AsOf is a repository in a versioned bucket as it was at some moment, whatever was
// deleted or overwritten since. Nothing is copied: the objects are those given, and are
// read by their version ids, so the credentials must be allowed to read versions
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
	prefix = strings.Trim(prefix, "/")
	l := &asOfLocation{
		s3Location: s3Location{client: client, bucket: bucket, prefix: prefix},
		moment:     moment,
		objects:    make(map[engbackend.FileType]map[string]pastObject),
		keyTimes:   make(map[string]time.Time),
	}
	names := englayout.NewDefaultLayout(prefix, path.Join)
	if objects == nil {
		return l
	}
	for o := range objects {
		h, ok := handleOf(strings.TrimPrefix(o.Key, prefix+"/"))
		if !ok || names.Filename(h) != o.Key {
			continue
		}
		if l.objects[h.Type] == nil {
			l.objects[h.Type] = make(map[string]pastObject)
		}
		l.objects[h.Type][h.Name] = pastObject{o.VersionID, o.Size}
		if h.Type == engbackend.KeyFile && !o.Modified.IsZero() {
			l.keyTimes[h.Name] = o.Modified
		}
	}
	return l
}

type asOfLocation struct {
	s3Location
	moment   string
	objects  map[engbackend.FileType]map[string]pastObject // by their names
	keyTimes map[string]time.Time
}

type pastObject struct {
	version string
	size    int64
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

// handleOf returns what a key below the repository's root is to restic. Old locks are
// skipped; nobody holds them.
func handleOf(key string) (engbackend.Handle, bool) {
	if key == "config" {
		return engbackend.Handle{Type: engbackend.ConfigFile}, true
	}
	types := map[string]engbackend.FileType{
		"data": engbackend.PackFile, "keys": engbackend.KeyFile, "snapshots": engbackend.SnapshotFile, "index": engbackend.IndexFile,
	}
	dir, _, _ := strings.Cut(key, "/")
	t, ok := types[dir]
	name := path.Base(key)
	return engbackend.Handle{Type: t, Name: name}, ok && len(name) >= 2
}
