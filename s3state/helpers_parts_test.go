package s3state

import (
	"testing"

	"github.com/minio/minio-go/v7"
)

func putOptions() minio.PutObjectOptions      { return minio.PutObjectOptions{} }
func partOptions() minio.PutObjectPartOptions { return minio.PutObjectPartOptions{} }

// complete ends a multipart upload of one part.
func complete(t testing.TB, s *Store, bucket, key, upload string, part minio.ObjectPart) minio.UploadInfo {
	t.Helper()
	info, err := s.core.CompleteMultipartUpload(t.Context(), bucket, key, upload,
		[]minio.CompletePart{{PartNumber: 1, ETag: part.ETag}}, minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return info
}
