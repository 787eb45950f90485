package s3versions

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

// Copy makes the server copy one version of an object in a single request. Unlike
// minio-go it copies any key, blank ones too. Of src and dst it takes bucket, key and
// version; metadata is copied along. S3 copies up to 5 GiB this way.
func (c *Client) Copy(ctx context.Context, dst minio.CopyDestOptions, src minio.CopySrcOptions) (minio.UploadInfo, error) {
	c = c.made()
	from := s3utils.EncodePath(src.Bucket + "/" + src.Object)
	if src.VersionID != "" {
		from += "?versionId=" + url.QueryEscape(src.VersionID)
	}
	resp, err := c.Send(ctx, Request{
		Method: http.MethodPut, Bucket: dst.Bucket, Key: dst.Object, Header: http.Header{"X-Amz-Copy-Source": {from}},
	})
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
		return minio.UploadInfo{}, fmt.Errorf("%w: %v", ErrTruncated, err)
	}
	if done.ETag == "" {
		return minio.UploadInfo{}, fmt.Errorf("%w: no ETag in it", ErrTruncated)
	}
	return minio.UploadInfo{
		Bucket: dst.Bucket, Key: dst.Object, ETag: done.ETag, VersionID: resp.Header.Get("X-Amz-Version-Id"),
	}, nil
}
