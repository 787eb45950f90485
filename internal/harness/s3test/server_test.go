package s3test_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/minio/minio-go/v7"
)

func TestStart(t *testing.T) {
	ctx := t.Context()
	s := s3test.Start(t)
	bucket := s.Bucket(t)
	admin := s.Client(t, s.Admin)
	if err := admin.MakeBucket(ctx, bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.PutObject(ctx, bucket, "a", bytes.NewReader([]byte("x")), 1, minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Client(t, s.Host).StatObject(ctx, bucket, "a", minio.StatObjectOptions{}); minio.ToErrorResponse(err).StatusCode != 403 {
		t.Fatalf("a stranger reads the object: %v", err)
	}
	s.ResetRequests(t)
	s.Inject(t, s3test.Fault{Method: "GET", Path: "^/" + bucket + "/a", Kind: s3test.Status, Status: 503, Times: 1})
	o, err := admin.GetObject(ctx, bucket, "a", minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(o); minio.ToErrorResponse(err).StatusCode != 503 {
		t.Fatalf("the fault did not show: %v", err)
	}
	seen := s.Requests(t)
	if len(seen) != 1 || seen[0].Fault != s3test.Status || seen[0].AccessKey != s.Admin.AccessKey {
		t.Fatalf("the log has %+v", seen)
	}
}
