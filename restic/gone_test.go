package restic

import (
	"errors"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// After a repository was deleted the next run does not start a new one, as if nothing
// had been there.
func TestDeletedRepositoryIsGone(t *testing.T) {
	server := s3test.Start(t)
	bucket := server.Bucket(t)
	client := server.Client(t, server.Admin)
	if err := errors.Join(client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}), client.EnableVersioning(t.Context(), bucket)); err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"", "below/here"} {
		loc := S3(client, bucket, prefix)
		opts := []Option{WithoutCache(), WithRetryFor(0)}
		if _, err := Open(t.Context(), loc, testPassword, opts...); !errors.Is(err, ErrNoRepository) || errors.Is(err, ErrRepositoryGone) {
			t.Fatal(err)
		}
		s, err := Init(t.Context(), loc, testPassword, opts...)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for object := range client.ListObjectsIter(t.Context(), bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
			if err := errors.Join(object.Err, client.RemoveObject(t.Context(), bucket, object.Key, minio.RemoveObjectOptions{})); err != nil {
				t.Fatal(err)
			}
		}
		_, err = Open(t.Context(), loc, testPassword, opts...)
		var left *GoneError
		if !errors.As(err, &left) || !errors.Is(err, ErrRepositoryGone) || !errors.Is(err, ErrNoRepository) || ExitCode(err) != 10 ||
			len(left.Versions) != 1 || !strings.HasSuffix(left.Versions[0].Key, "config") || !strings.Contains(err.Error(), left.Versions[0].VersionID) {
			t.Errorf("%+v: %v", left, err)
		}
		if _, err := Init(t.Context(), loc, testPassword, opts...); !errors.Is(err, ErrRepositoryGone) {
			t.Error(err)
		}
		if s, err = Init(t.Context(), loc, testPassword, append(opts, WithFreshStart())...); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
