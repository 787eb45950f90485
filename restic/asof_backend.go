package restic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
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

func (b *asOfBackend) find(h engbackend.Handle) (pastObject, error) {
	if h.Type == engbackend.ConfigFile {
		h.Name = ""
	}
	o, ok := b.past.objects[h.Type][h.Name]
	if !ok {
		missing := minio.ErrorResponse{Code: codeNoSuchKey, StatusCode: http.StatusNotFound, Message: "there was no such object " + b.past.moment}
		return o, b.fail("GET", b.layout.Filename(h), missing)
	}
	return o, nil
}

// List runs fn for every object there was, in the order of names.
func (b *asOfBackend) List(ctx context.Context, t engbackend.FileType, fn func(engbackend.FileInfo) error) error {
	objects := b.past.objects[t]
	for _, name := range slices.Sorted(maps.Keys(objects)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(engbackend.FileInfo{Name: name, Size: objects[name].size}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (b *asOfBackend) keyTime(name string) (time.Time, bool) {
	at, ok := b.past.keyTimes[name]
	return at, ok
}

func (b *asOfBackend) Stat(ctx context.Context, h engbackend.Handle) (engbackend.FileInfo, error) {
	o, err := b.find(h)
	if err != nil {
		return engbackend.FileInfo{}, err
	}
	return engbackend.FileInfo{Name: h.Name, Size: o.size}, ctx.Err()
}

func (b *asOfBackend) Load(ctx context.Context, h engbackend.Handle, length int, offset int64, fn func(rd io.Reader) error) error {
	o, err := b.find(h)
	if err != nil {
		return err
	}
	err = b.load(ctx, h, o.version, length, offset, fn)
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
