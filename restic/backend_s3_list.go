package restic

import (
	"context"
	"errors"
	"net/http"
	"path"
	"time"

	"github.com/minio/minio-go/v7"

	engbackend "github.com/restic/restic/rwmlink/backend"
)

// List runs fn for every object of a type. Objects in the wrong place are not part of
// the repository and are skipped.
func (b *s3Backend) List(ctx context.Context, t engbackend.FileType, fn func(engbackend.FileInfo) error) error {
	err := b.list(ctx, t, fn, b.listV1.Load())
	if err != nil && !b.listV1.Load() && refusesListV2(err) {
		// the listing was rejected as a whole, so fn has not been called yet
		b.listV1.Store(true)
		err = b.list(ctx, t, fn, true)
	}
	return err
}

func (b *s3Backend) list(ctx context.Context, t engbackend.FileType, fn func(engbackend.FileInfo) error, v1 bool) error {
	dir, recursive := b.layout.Basedir(t)
	prefix := dir + "/"
	w, ctx := b.watch(ctx)
	defer w.stop()
	for obj := range b.client.ListObjectsIter(ctx, b.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: recursive, UseV1: v1}) {
		if obj.Err != nil {
			return w.explain(b.fail("LIST", prefix, obj.Err), func() error { return b.fail("LIST", prefix, errStalled) })
		}
		b.answered.Store(true)
		w.touch()
		name := path.Base(obj.Key)
		if b.layout.Filename(engbackend.Handle{Type: t, Name: name}) != obj.Key {
			continue
		}
		if t == engbackend.KeyFile {
			b.keyTimes.Store(name, obj.LastModified)
		}
		w.pause() // fn's time is not the server's
		err := fn(engbackend.FileInfo{Name: name, Size: obj.Size})
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

// keyTime is when a key was written by the server's clock, if it was listed.
func (b *s3Backend) keyTime(name string) (time.Time, bool) {
	at, ok := b.keyTimes.Load(name)
	if !ok {
		return time.Time{}, false
	}
	return at.(time.Time), true
}

func refusesListV2(err error) bool {
	var resp minio.ErrorResponse
	return errors.As(err, &resp) && (resp.Code == "NotImplemented" || resp.StatusCode == http.StatusNotImplemented)
}
