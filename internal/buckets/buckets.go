// Package buckets makes and removes buckets through connections that break.
//
// An S3 client repeats a request by itself after it got no answer. "Exists already" or
// "does not exist" may then be about what the same call has just done.
package buckets

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/s3err"
)

// Make makes a bucket that was not there a moment ago.
func Make(ctx context.Context, client *minio.Client, name string, opts minio.MakeBucketOptions) error {
	counted, sent := count(ctx)
	err := client.MakeBucket(counted, name, opts)
	if sent() > 1 && s3err.Code(err) == "BucketAlreadyOwnedByYou" {
		return nil
	}
	return err
}

// Remove removes an empty bucket.
func Remove(ctx context.Context, client *minio.Client, name string) error {
	// The client may have to ask for the region first, which must not count below.
	_, unlocated := client.GetBucketLocation(ctx, name)
	counted, sent := count(ctx)
	err := client.RemoveBucket(counted, name)
	for try := 1; try < attempts && inSuccess(err) && ctx.Err() == nil; try++ {
		err = client.RemoveBucket(counted, name)
	}
	if unlocated == nil && sent() > 1 && s3err.Code(err) == "NoSuchBucket" {
		return nil
	}
	return err
}

// attempts is how often a request is sent whose answer is an error in a success.
const attempts = 5

// inSuccess reports whether an error came in an answer of status 200. minio-go does not
// repeat such a request, whatever the error says.
func inSuccess(err error) bool {
	var resp minio.ErrorResponse
	return errors.As(err, &resp) && resp.StatusCode == http.StatusOK
}

// count gives a context that counts the requests sent under it. Transports other than
// net/http's may count none; then the client's answer stands.
func count(ctx context.Context) (counted context.Context, sent func() int64) {
	var n atomic.Int64
	counted = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil {
				n.Add(1)
			}
		},
	})
	return counted, n.Load
}
