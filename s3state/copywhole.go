package s3state

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// copyWhole copies an object in one request, whatever its key: minio-go takes
// no blank ones, and a single such key would make a bucket unrestorable.
func (s *Store) copyWhole(ctx context.Context, dst minio.CopyDestOptions, src minio.CopySrcOptions) (minio.UploadInfo, error) {
	from := s3utils.EncodePath(src.Bucket + "/" + src.Object)
	if src.VersionID != "" {
		from += "?versionId=" + url.QueryEscape(src.VersionID)
	}
	resp, err := s.sendKey(ctx, http.MethodPut, dst.Bucket, dst.Object, nil, http.Header{"X-Amz-Copy-Source": {from}}, nil)
	if err != nil {
		return minio.UploadInfo{}, err
	}
	defer resp.Body.Close()
	// A long copy begins its answer before it knows how it will end.
	reply, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return minio.UploadInfo{}, err
	}
	if err := errorInside(reply); err != nil {
		return minio.UploadInfo{}, err
	}
	var done struct {
		XMLName xml.Name `xml:"CopyObjectResult"`
		ETag    string
	}
	if err := xml.Unmarshal(reply, &done); err != nil {
		return minio.UploadInfo{}, fmt.Errorf("%w: %v", errTruncatedReply, err)
	}
	if done.ETag == "" {
		return minio.UploadInfo{}, fmt.Errorf("%w: no ETag in it", errTruncatedReply)
	}
	return minio.UploadInfo{Bucket: dst.Bucket, Key: dst.Object, ETag: done.ETag, VersionID: resp.Header.Get("X-Amz-Version-Id")}, nil
}
