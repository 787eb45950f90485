package restic

import (
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// newBucket makes a bucket of the server's admin and returns it as a location.
func newBucket(t testing.TB, srv *s3test.Server) Location {
	t.Helper()
	client := srv.Client(t, srv.Admin)
	bucket := srv.Bucket(t)
	if err := client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return S3(client, bucket, "")
}
