package s3tool

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/s3err"
)

// readTries is how often a broken download is resumed before it is aborted. Progress
// resets the count.
const readTries = 5

// Cat writes the object, or the version of it that at names, to w. After a broken
// connection it resumes where it stopped, as long as the object is the same.
func (t *Tool) Cat(ctx context.Context, at Location, w io.Writer) error {
	t = t.made()
	o, err := t.Stat(ctx, at)
	if err != nil {
		return err
	}
	return t.read(ctx, o, 0, w)
}

// read writes the bytes of o from offset on.
func (t *Tool) read(ctx context.Context, o *Object, offset int64, w io.Writer) error {
	for tries := 0; offset < o.Size; tries++ {
		n, err := t.readOnce(ctx, o, offset, w)
		offset += n
		if n > 0 {
			tries = 0
		}
		if err == nil && offset < o.Size {
			err = io.ErrUnexpectedEOF
		}
		var failed *writeError
		switch {
		case err == nil:
		case errors.As(err, &failed):
			return failed.err
		case ctx.Err() != nil:
			return ctx.Err()
		case tries >= readTries || permanent(err):
			return explain(err, "read", o.Location)
		}
	}
	if offset > o.Size {
		return fmt.Errorf("read %s: %w: more than its %d bytes", o.Location, ErrDiffers, o.Size)
	}
	return nil
}

func (t *Tool) readOnce(ctx context.Context, o *Object, offset int64, w io.Writer) (int64, error) {
	opts := minio.GetObjectOptions{VersionID: o.asked}
	if err := opts.SetMatchETag(o.ETag); err != nil {
		return 0, err
	}
	if offset > 0 {
		if err := opts.SetRange(offset, o.Size-1); err != nil {
			return 0, err
		}
	}
	body, _, _, err := t.core.GetObject(ctx, o.Bucket, o.Key, opts)
	if err != nil {
		return 0, err
	}
	defer body.Close() //nolint:errcheck // read only
	return io.Copy(&failingWriter{w}, body)
}

// failingWriter marks the errors of the destination, which no retry can cure.
type failingWriter struct{ w io.Writer }

type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }

func (f *failingWriter) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err != nil {
		err = &writeError{err}
	}
	return n, err
}

// permanent tells a refusal by the server from a transient failure.
func permanent(err error) bool {
	code := s3err.Status(err)
	return code >= 400 && code < 500 && code != 408 && code != 429
}
