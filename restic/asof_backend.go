package restic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/minio/minio-go/v7"

	engbackend "github.com/restic/restic/rwmlink/backend"
)

// asOfBackend answers from the list of versions, and reads them.
type asOfBackend struct {
	*s3Backend
	past *asOfLocation
}

var _ engbackend.Backend = (*asOfBackend)(nil)

func (b *asOfBackend) find(h engbackend.Handle) (ObjectVersion, error) {
	if key, ok := b.past.root.key(h); ok {
		if o, ok := b.past.objects.Get(key); ok {
			return o, nil
		}
	}
	missing := minio.ErrorResponse{Code: codeNoSuchKey, StatusCode: http.StatusNotFound, Message: "there was no such object " + b.past.moment}
	return ObjectVersion{}, b.fail("GET", b.layout.Filename(h), missing)
}

// List runs fn for every object there was, in the order of names.
func (b *asOfBackend) List(ctx context.Context, t engbackend.FileType, fn func(engbackend.FileInfo) error) error {
	dir, ok := b.past.root.dir(t)
	if !ok {
		return ctx.Err()
	}
	for o := range b.past.objects.All(dir) {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, ok := b.past.root.handle(o.Key)
		if !ok || h.Type != t {
			continue
		}
		if err := fn(engbackend.FileInfo{Name: h.Name, Size: o.Size}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// keyTime is when a key was written, by the server's clock.
func (b *asOfBackend) keyTime(name string) (time.Time, bool) {
	o, err := b.find(engbackend.Handle{Type: engbackend.KeyFile, Name: name})
	return o.LastModified, err == nil && !o.LastModified.IsZero()
}

func (b *asOfBackend) Stat(ctx context.Context, h engbackend.Handle) (engbackend.FileInfo, error) {
	o, err := b.find(h)
	if err != nil {
		return engbackend.FileInfo{}, err
	}
	return engbackend.FileInfo{Name: h.Name, Size: o.Size}, ctx.Err()
}

func (b *asOfBackend) Load(ctx context.Context, h engbackend.Handle, length int, offset int64, fn func(rd io.Reader) error) error {
	o, err := b.find(h)
	if err != nil {
		return err
	}
	err = b.load(ctx, h, o.VersionID, length, offset, fn)
	if errors.Is(err, ErrAccessDenied) {
		return fmt.Errorf("%w; these credentials may not read old versions: use those of the bucket's owner, the admin", err)
	}
	return err
}

func (b *asOfBackend) refuse(what string, h engbackend.Handle) error {
	return fmt.Errorf("%s: %w: %s of %s is refused", b.past, ErrReadOnly, what, objectName(h))
}

func (b *asOfBackend) Save(_ context.Context, h engbackend.Handle, _ engbackend.RewindReader) error {
	return b.refuse("saving", h)
}

func (b *asOfBackend) Remove(_ context.Context, h engbackend.Handle) error {
	return b.refuse("removing", h)
}

func (b *asOfBackend) Delete(context.Context) error {
	return fmt.Errorf("%s: %w: it cannot be deleted", b.past, ErrReadOnly)
}

func (b *asOfBackend) IsPermanentError(err error) bool {
	return errors.Is(err, ErrReadOnly) || s3err.Code(err) == codeNoSuchKey || b.s3Backend.IsPermanentError(err)
}
