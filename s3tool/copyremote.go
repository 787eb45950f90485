package s3tool

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/s3err"
)

// maxCopySize is what one CopyObject takes; larger objects are copied in parts, by the
// server too.
const maxCopySize = 5 << 30

// remote copies from bucket to bucket without the bytes passing through here.
func (c *copier) remote(from, to Location) error {
	if !c.opts.Recursive {
		if err := from.object(); err != nil {
			return err
		}
		if to.isDir() {
			to = to.join(path.Base(from.Key))
		}
		return c.copyObject(from, to)
	}
	base := from.Key[:strings.LastIndex(from.Key, "/")+1]
	below := from.below()
	if from.Bucket == to.Bucket && strings.HasPrefix(to.below().Key+strings.TrimPrefix(below.Key, base), below.Key) {
		return fmt.Errorf("%w: %s is within %s: the copy would never end", ErrInvalid, to, from)
	}
	return c.many("copy "+from.String(), func(start func(func() error)) error {
		for e, err := range c.listBelow(from) {
			if err != nil {
				return err
			}
			target := to.below()
			target.Key += strings.TrimPrefix(e.Key, base) // slashes at the end are kept
			start(func() error { return c.copyObject(Location{Bucket: from.Bucket, Key: e.Key}, target) })
		}
		return nil
	})
}

func (c *copier) copyObject(from, to Location) error {
	o, err := c.tool.Stat(c.ctx, from)
	if err != nil {
		return err
	}
	source := minio.CopySrcOptions{Bucket: o.Bucket, Object: o.Key, VersionID: o.asked, MatchETag: o.ETag}
	target := minio.CopyDestOptions{Bucket: to.Bucket, Object: to.Key}
	if o.Size <= maxCopySize {
		err = c.tool.again(c.ctx, to.Bucket, "copy", completeTimeout, func(ctx context.Context) error {
			info, err := c.tool.client.CopyObject(ctx, target, source)
			return confirmed(info.ETag, err)
		})
	} else if _, err = c.tool.client.ComposeObject(c.ctx, target, source); s3err.Code(err) == "AccessDenied" {
		// Ceph RGW lets only an object's owner copy parts of it, but copies any size at
		// once.
		if _, whole := c.tool.client.CopyObject(c.ctx, target, source); whole == nil {
			err = nil
		}
	}
	if err != nil {
		return explain(err, "copy "+from.String()+" to", to)
	}
	c.done(Copied{Source: from.String(), Destination: to.String(), Bytes: o.Size})
	return nil
}
