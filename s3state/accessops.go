package s3state

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/s3utils"
)

func (s *Store) putSmall(ctx context.Context, bucket, key string, data []byte) (version string, err error) {
	err = s.retry(ctx, bucket, "put "+key, s.timeout, nil, func(ctx context.Context) error {
		up, err := s.client.PutObject(ctx, bucket, key, bytes.NewReader(data), int64(len(data)),
			minio.PutObjectOptions{SendContentMd5: true, DisableMultipart: true})
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
	return s.retry(ctx, bucket, "delete "+key, s.timeout, nil, func(ctx context.Context) error {
		return s.client.RemoveObject(ctx, bucket, key, minio.RemoveObjectOptions{VersionID: version})
	})
}

// copyPart copies a version onto its own key as a part of a multipart upload. A
// host may not abort an upload, so in any case it is completed.
func (s *Store) copyPart(ctx context.Context, bucket, key, version string) error {
	core := minio.Core{Client: s.client}
	upload, err := core.NewMultipartUpload(ctx, bucket, key, minio.PutObjectOptions{})
	if err != nil {
		return err
	}
	part, copyErr := core.CopyObjectPart(ctx, bucket, key, bucket, key, upload, 1, 0, -1, map[string]string{
		"x-amz-copy-source": s3utils.EncodePath(bucket+"/"+key) + "?versionId=" + url.QueryEscape(version),
	})
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

// tryRetention locks an object for a second.
func (s *Store) tryRetention(ctx context.Context, bucket, key string) error {
	mode, until := minio.Governance, time.Now().Add(time.Second)
	return s.client.PutObjectRetention(ctx, bucket, key, minio.PutObjectRetentionOptions{Mode: &mode, RetainUntilDate: &until})
}

// setACL sets one of S3's canned ACLs on an object; minio-go can only read
// ACLs.
func (s *Store) setACL(ctx context.Context, bucket, key, canned string) error {
	header := http.Header{"X-Amz-Acl": {canned}}
	u, err := s.client.PresignHeader(ctx, http.MethodPut, bucket, key, time.Minute, map[string][]string{"acl": {""}}, header)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, u.String(), nil)
	if err != nil {
		return err
	}
	req.Header = header
	resp, err := s.http.Do(req)
	if err != nil {
		return bareURLError(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		return nil
	}
	return errorReply(resp, bucket)
}
