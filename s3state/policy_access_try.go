package s3state

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cesnet/rwm/s3versions"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/s3utils"
)

func (s *Store) putSmall(ctx context.Context, bucket, key string, data []byte) (version string, err error) {
	err = s.s3.Retry(ctx, bucket, "put "+key, 0, func(ctx context.Context) error {
		up, err := s.client.PutObject(ctx, bucket, key, bytes.NewReader(data), int64(len(data)),
			minio.PutObjectOptions{SendContentMd5: true, DisableMultipart: true})
		if err == nil && up.ETag == "" {
			err = s3versions.ErrTruncated // S3 answers a PUT with an ETag
		}
		version = up.VersionID
		return err
	})
	return version, err
}

// hide deletes an object the way a host does, leaving its versions.
func (s *Store) hide(ctx context.Context, bucket, key string) error {
	return s.removeVersion(ctx, bucket, key, "")
}

func (s *Store) removeVersion(ctx context.Context, bucket, key, version string) error {
	return s.s3.Retry(ctx, bucket, "delete "+key, 0, func(ctx context.Context) error {
		return s.client.RemoveObject(ctx, bucket, key, minio.RemoveObjectOptions{VersionID: version})
	})
}

// copyPart copies a version onto its own key as a part of a multipart upload. A host
// may not abort an upload, so it is completed in any case.
func (s *Store) copyPart(ctx context.Context, bucket, key, version string) error {
	return s.copyPartFrom(ctx, bucket, key, fileSource{bucket, key}, map[string]string{
		"x-amz-copy-source": s3utils.EncodePath(bucket+"/"+key) + "?versionId=" + url.QueryEscape(version),
	})
}

// fileSource is what a part is copied from.
type fileSource struct{ bucket, key string }

// copyPartFrom is copyPart for any source, as its header names it.
func (s *Store) copyPartFrom(ctx context.Context, bucket, key string, from fileSource, header map[string]string) error {
	core := minio.Core{Client: s.client}
	upload, err := core.NewMultipartUpload(ctx, bucket, key, minio.PutObjectOptions{})
	if err != nil {
		return err
	}
	part, copyErr := core.CopyObjectPart(ctx, from.bucket, from.key, bucket, key, upload, 1, 0, -1, header)
	if copyErr != nil {
		filler, err := core.PutObjectPart(ctx, bucket, key, upload, 1, strings.NewReader("-"), 1, minio.PutObjectPartOptions{})
		if err != nil {
			return copyErr
		}
		part = minio.CompletePart{PartNumber: 1, ETag: filler.ETag}
	}
	if _, err := core.CompleteMultipartUpload(ctx, bucket, key, upload, []minio.CompletePart{part}, minio.PutObjectOptions{}); err != nil && copyErr == nil {
		return err
	}
	return copyErr
}

// tryRetention locks an object until a time.
func (s *Store) tryRetention(ctx context.Context, bucket, key string, until time.Time) error {
	mode := minio.Governance
	return s.client.PutObjectRetention(ctx, bucket, key, minio.PutObjectRetentionOptions{Mode: &mode, RetainUntilDate: &until})
}

// setACL sets one of S3's canned ACLs on an object; minio-go can only read
// ACLs.
func (s *Store) setACL(ctx context.Context, bucket, key, canned string) error {
	resp, err := s.s3.Send(ctx, s3versions.Request{
		Method: http.MethodPut, Bucket: bucket, Key: key, Query: url.Values{"acl": {""}},
		Header: http.Header{"X-Amz-Acl": {canned}},
	})
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
