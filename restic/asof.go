package restic

import (
	"context"
	"fmt"
	"iter"
	"path"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/restic/restic/rwmlink/backend"
	"github.com/restic/restic/rwmlink/layout"
)

// ObjectVersion is an object of a bucket as it was: the version that was current then.
type ObjectVersion struct {
	Key       string // in the bucket, prefix included
	VersionID string
	Size      int64 // bytes
}

// AsOf is a repository in a versioned bucket as it was at some moment, whatever was deleted or overwritten since. Nothing is copied: the
// objects are those given, and are read by their version ids, so the credentials must be allowed to read versions (s3:GetObjectVersion).
//
// It is for reading only. No lock is taken and none is seen, whatever writes returns ErrReadOnly at once, and no request but GET is
// sent. Indexes, snapshots and trees are cached in a directory of their own, "as-of" below the cache directory. What is
// read is verified by restic's own hashes, so that objects which are not what they should be are found out.
//
// moment says in messages when that was, "as of 2026-11-01 12:00:00 +0100" for instance. The objects are gone through once, before AsOf
// returns; keys that restic's layout does not have are passed over.
func AsOf(client *minio.Client, bucket, prefix, moment string, objects iter.Seq[ObjectVersion]) Location {
	prefix = strings.Trim(prefix, "/")
	l := &asOfLocation{
		s3Location: s3Location{client: client, bucket: bucket, prefix: prefix},
		moment:     moment,
		objects:    make(map[backend.FileType]map[string]pastObject),
	}
	names := layout.NewDefaultLayout(prefix, path.Join)
	for o := range objects {
		h, ok := handleOf(strings.TrimPrefix(o.Key, prefix+"/"))
		if !ok || names.Filename(h) != o.Key {
			continue
		}
		if l.objects[h.Type] == nil {
			l.objects[h.Type] = make(map[string]pastObject)
		}
		l.objects[h.Type][h.Name] = pastObject{o.VersionID, o.Size}
	}
	return l
}

type asOfLocation struct {
	s3Location
	moment  string
	objects map[backend.FileType]map[string]pastObject // by their names
}

type pastObject struct {
	version string
	size    int64
}

func (l *asOfLocation) String() string { return l.s3Location.String() + " " + l.moment }

func (l *asOfLocation) backend(ctx context.Context, o *options, create bool) (backend.Backend, error) {
	if create {
		return nil, fmt.Errorf("%s: %w: the past cannot be written to", l, ErrReadOnly)
	}
	if _, err := l.s3Location.backend(ctx, o, create); err != nil {
		return nil, err
	}
	return &asOfBackend{s3Backend: newS3Backend(&l.s3Location, o), past: l}, nil
}

// handleOf tells by a key below the repository's root what it is to restic. Locks are nothing: those of the past hold nobody up.
func handleOf(key string) (backend.Handle, bool) {
	if key == "config" {
		return backend.Handle{Type: backend.ConfigFile}, true
	}
	types := map[string]backend.FileType{
		"data": backend.PackFile, "keys": backend.KeyFile, "snapshots": backend.SnapshotFile, "index": backend.IndexFile,
	}
	dir, _, _ := strings.Cut(key, "/")
	t, ok := types[dir]
	name := path.Base(key)
	return backend.Handle{Type: t, Name: name}, ok && len(name) >= 2
}
