package buckets_test

import (
	"net/http"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/cesnet/rwm/internal/buckets"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/internal/s3err"
)

// repeating is a client as rwm makes it: it repeats a request once by itself.
func repeating(t *testing.T, srv *s3test.Server) *minio.Client {
	t.Helper()
	client, err := minio.New(srv.Client(t, srv.Admin).EndpointURL().Host, &minio.Options{
		Creds: credentials.NewStaticV4(srv.Admin.AccessKey, srv.Admin.SecretKey, ""), Transport: &http.Transport{},
		BucketLookup: minio.BucketLookupPath, MaxRetries: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestAnswersThatAreLost: what a request did whose answer was lost is no failure of the
// client's next one; what was there before is still told.
func TestAnswersThatAreLost(t *testing.T) {
	srv := s3test.Start(t)
	client, name := repeating(t, srv), srv.Bucket(t)
	srv.Inject(t, s3test.Fault{Method: "PUT", Path: "^/" + name, Kind: s3test.ResetAfter, Times: 1})
	if err := buckets.Make(t.Context(), client, name, minio.MakeBucketOptions{}); err != nil {
		t.Error("make:", err)
	}
	if err := buckets.Make(t.Context(), client, name, minio.MakeBucketOptions{}); s3err.Code(err) != "BucketAlreadyOwnedByYou" {
		t.Error("make again:", err)
	}
	srv.Inject(t, s3test.Fault{Method: "DELETE", Path: "^/" + name, Kind: s3test.ResetAfter, Times: 1})
	if err := buckets.Remove(t.Context(), client, name); err != nil {
		t.Error("remove:", err)
	}
	for _, c := range []*minio.Client{client, repeating(t, srv)} {
		if err := buckets.Remove(t.Context(), c, name); s3err.Code(err) != "NoSuchBucket" {
			t.Error("remove again:", err)
		}
	}
}
