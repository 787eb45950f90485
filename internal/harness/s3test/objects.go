package s3test

import (
	"bytes"
	"io"
	"testing"

	"github.com/minio/minio-go/v7"
)

// Objects are the objects of a bucket as the owner of some keys sees them. An error
// ends the test.
type Objects struct {
	testing.TB
	Client *minio.Client
	Bucket string
}

// Keys lists the keys that begin with prefix.
func (o Objects) Keys(prefix string) (keys []string) {
	o.Helper()
	for info := range o.Client.ListObjects(o.Context(), o.Bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		o.must(info.Err)
		keys = append(keys, info.Key)
	}
	return keys
}

// Put writes an object.
func (o Objects) Put(key string, body []byte) {
	o.Helper()
	// Without a body, Ceph does not take minio-go's streaming signature.
	opts := minio.PutObjectOptions{DisableContentSha256: len(body) == 0}
	_, err := o.Client.PutObject(o.Context(), o.Bucket, key, bytes.NewReader(body), int64(len(body)), opts)
	o.must(err)
}

// Get reads an object.
func (o Objects) Get(key string) []byte {
	o.Helper()
	object, err := o.Client.GetObject(o.Context(), o.Bucket, key, minio.GetObjectOptions{})
	o.must(err)
	defer object.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(object)
	o.must(err)
	return body
}

// Remove deletes an object by its key.
func (o Objects) Remove(key string) {
	o.Helper()
	o.must(o.Client.RemoveObject(o.Context(), o.Bucket, key, minio.RemoveObjectOptions{}))
}

func (o Objects) must(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}
