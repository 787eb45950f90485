package restic

import (
	"context"
	"errors"
	"net/http"
	"path"

	"github.com/minio/minio-go/v7"

	"github.com/restic/restic/rwmlink/backend"
)

// List runs fn for every object of a type. Objects in the wrong place are not the repository's and are left out.
func (b *s3Backend) List(ctx context.Context, t backend.FileType, fn func(backend.FileInfo) error) error {
	err := b.list(ctx, t, fn, b.listV1.Load())
	if err != nil && !b.listV1.Load() && refusesListV2(err) {
		// it was refused as a whole, so fn has not been called yet
		b.listV1.Store(true)
		err = b.list(ctx, t, fn, true)
	}
	return err
}

func (b *s3Backend) list(ctx context.Context, t backend.FileType, fn func(backend.FileInfo) error, v1 bool) error {
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
		if b.layout.Filename(backend.Handle{Type: t, Name: name}) != obj.Key {
			continue
		}
		w.pause() // fn's time is not the server's
		err := fn(backend.FileInfo{Name: name, Size: obj.Size})
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

func refusesListV2(err error) bool {
	var resp minio.ErrorResponse
	return errors.As(err, &resp) && (resp.Code == "NotImplemented" || resp.StatusCode == http.StatusNotImplemented)
}
