package restic

import (
	"context"
	"path"
	"time"

	"github.com/minio/minio-go/v7"

	engbackend "github.com/restic/restic/rwmlink/backend"

	"github.com/cesnet/rwm/s3versions"
)

// List runs fn for every object of a type. Objects in the wrong place are not part of
// the repository and are skipped.
func (b *s3Backend) List(ctx context.Context, t engbackend.FileType, fn func(engbackend.FileInfo) error) error {
	dir, recursive := b.layout.Basedir(t)
	return b.list(ctx, dir+"/", recursive, func(obj s3versions.Object) error {
		name := path.Base(obj.Key)
		if obj.Prefix || b.layout.Filename(engbackend.Handle{Type: t, Name: name}) != obj.Key {
			return nil
		}
		if t == engbackend.KeyFile {
			b.keyTimes.Store(name, obj.LastModified)
		}
		return fn(engbackend.FileInfo{Name: name, Size: obj.Size})
	})
}

// list runs fn for every object below a prefix. An empty list is one that the server
// has given: to a prune, a list that was lost is a repository without snapshots.
func (b *s3Backend) list(ctx context.Context, prefix string, recursive bool, fn func(s3versions.Object) error) error {
	w, ctx := b.watch(ctx)
	defer w.stop()
	for obj, err := range b.lists.Objects(ctx, b.bucket, prefix, recursive) {
		if err != nil {
			return w.explain(b.fail("LIST", prefix, err), func() error { return b.fail("LIST", prefix, errStalled) })
		}
		b.answered.Store(true)
		w.pause() // fn's time is not the server's
		err := fn(obj)
		w.touch()
		if err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return w.explain(err, func() error { return b.fail("LIST", prefix, errStalled) })
	}
	b.answered.Store(true)
	return nil
}

// lists is what lists objects. The layer above repeats what fails here three times.
func lists(client *minio.Client, o *options) *s3versions.Client {
	return s3versions.New(client, s3versions.WithRetries(3, 250*time.Millisecond), s3versions.WithRequestTimeout(o.stallAfter))
}

// keyTime is when a key was written by the server's clock, if it was listed.
func (b *s3Backend) keyTime(name string) (time.Time, bool) {
	at, ok := b.keyTimes.Load(name)
	if !ok {
		return time.Time{}, false
	}
	return at.(time.Time), true
}
