package s3tool

import (
	"context"
	"time"

	"github.com/minio/minio-go/v7"
)

// Object describes one version of an object.
type Object struct {
	Location
	Size         int64
	LastModified time.Time // the server's
	ETag         string    // without quotes
	ContentType  string
	StorageClass string
	Metadata     map[string]string // the user's, names without "x-amz-meta-"

	md5 bool // the ETag is the MD5 of the content
	// asked is the version that was asked for, "" the current one. Only that is asked
	// for again: a host of a policed bucket may read no version by its id. The ETag
	// tells when the object was replaced meanwhile.
	asked string
}

// Stat describes the object, or the version of it that at names.
func (t *Tool) Stat(ctx context.Context, at Location) (*Object, error) {
	t = t.made()
	if err := at.object(); err != nil {
		return nil, err
	}
	var info minio.ObjectInfo
	err := t.again(ctx, at.Bucket, "stat", 0, func(ctx context.Context) (err error) {
		info, err = t.client.StatObject(ctx, at.Bucket, at.Key, minio.StatObjectOptions{VersionID: at.VersionID})
		return err
	})
	if err != nil {
		return nil, explain(err, "stat", at)
	}
	o := &Object{
		Location: at, Size: info.Size, LastModified: info.LastModified, ETag: info.ETag,
		ContentType: info.ContentType, StorageClass: info.StorageClass, Metadata: info.UserMetadata,
	}
	o.VersionID, o.asked = info.VersionID, at.VersionID
	// It is not for multipart uploads, nor for objects encrypted with a customer's or a
	// key server's key.
	sse := info.Metadata.Get("X-Amz-Server-Side-Encryption")
	o.md5 = len(o.ETag) == 32 && (sse == "" || sse == "AES256") &&
		info.Metadata.Get("X-Amz-Server-Side-Encryption-Customer-Algorithm") == ""
	return o, nil
}
