package s3tool

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/readfile"
)

// up copies a local file or directory to the server.
func (c *copier) up(source string, to Location) error {
	if source == "-" {
		return c.stream(to)
	}
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		if to.isDir() {
			to = to.join(filepath.Base(source))
		}
		// Before it is opened: that would wait for the other end of a pipe.
		if !info.Mode().IsRegular() {
			return notRegular(source, to)
		}
		return c.upload(source, to)
	}
	if !c.opts.Recursive {
		return fmt.Errorf("%w: %s is a directory: copy it recursively", ErrInvalid, source)
	}
	return c.many("copy "+source, func(start func(func() error)) error {
		return filepath.WalkDir(source, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				start(func() error { return err })
				return nil // the others
			}
			if e.IsDir() {
				return c.ctx.Err()
			}
			if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
				c.skip(path)
				return nil
			}
			name, err := filepath.Rel(source, path)
			if err != nil {
				return err
			}
			start(func() error { return c.upload(path, to.join(filepath.ToSlash(name))) })
			return c.ctx.Err()
		})
	})
}

func (c *copier) upload(path string, to Location) error {
	if err := to.object(); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // read only
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return notRegular(path, to)
	}
	if info.Size() == 0 {
		return c.uploadUnsized(f, path, to)
	}
	e := Copied{Source: path, Destination: to.String(), Bytes: info.Size()}
	if info.Size() <= c.tool.partSize {
		err = c.tool.again(c.ctx, to.Bucket, "upload", sendTimeout, func(ctx context.Context) error {
			info, err := c.tool.client.PutObject(ctx, to.Bucket, to.Key, io.NewSectionReader(f, 0, info.Size()), info.Size(),
				minio.PutObjectOptions{DisableMultipart: true, SendContentMd5: true})
			return confirmed(info.ETag, err)
		})
	} else {
		e.Resumed, err = c.tool.uploadParts(c.ctx, f, info.Size(), to)
	}
	if err != nil {
		return explain(err, "copy "+path+" to", to)
	}
	c.done(e)
	return nil
}

func notRegular(path string, to Location) error {
	return fmt.Errorf("%w: %s is not a regular file; pipe it in: `rwm s3 cp - %s`", ErrInvalid, path, to)
}

// uploadUnsized uploads a file that says it is empty: those of /proc have content all
// the same.
func (c *copier) uploadUnsized(f *os.File, path string, to Location) error {
	body := bufio.NewReader(f)
	size, opts := int64(-1), minio.PutObjectOptions{PartSize: uint64(c.tool.partSize)}
	if _, err := body.Peek(1); err == io.EOF {
		// Ceph RGW 16 refuses an empty body with a checksum.
		size, opts = 0, minio.PutObjectOptions{DisableMultipart: true, SendContentMd5: true, DisableContentSha256: true}
	} else if err != nil {
		return err
	}
	info, err := c.tool.client.PutObject(c.ctx, to.Bucket, to.Key, body, size, opts)
	if err != nil {
		return explain(err, "copy "+path+" to", to)
	}
	c.done(Copied{Source: path, Destination: to.String(), Bytes: info.Size})
	return nil
}

// stream uploads standard input, whose length is not known.
func (c *copier) stream(to Location) error {
	if err := to.object(); err != nil {
		return err
	}
	if c.opts.Input == nil {
		return fmt.Errorf("%w: no input is given for -", ErrInvalid)
	}
	input := readfile.Reader(c.ctx, c.opts.Input) // it may be a pipe that stays silent
	defer input.Close()                           //nolint:errcheck // it returns none
	info, err := c.tool.client.PutObject(c.ctx, to.Bucket, to.Key, input, -1,
		minio.PutObjectOptions{PartSize: uint64(c.tool.partSize)})
	if err != nil {
		return explain(err, "copy standard input to", to)
	}
	c.done(Copied{Source: "-", Destination: to.String(), Bytes: info.Size})
	return nil
}
