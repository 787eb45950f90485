package rwm_test

import (
	"testing"

	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/rwm"
)

// TestClientOutlivesABrokenConnection: the first request of a client asks for the
// bucket's region; the client does not repeat it by itself.
func TestClientOutlivesABrokenConnection(t *testing.T) {
	srv := s3test.Start(t)
	bucket := srv.Bucket(t)
	client, err := rwm.NewClient(&rwm.Config{S3EndpointURL: srv.URL, S3AccessKey: srv.Admin.AccessKey, S3SecretKey: srv.Admin.SecretKey}, nil)
	if err != nil {
		t.Fatal(err)
	}
	srv.Inject(t, s3test.Fault{Method: "GET", Path: "location", Kind: s3test.Reset, Times: 1})
	if found, err := client.BucketExists(t.Context(), bucket); err != nil || found {
		t.Error(found, err)
	}
}
