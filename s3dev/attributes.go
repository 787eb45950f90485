package s3dev

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/s3response"
)

func (m *memory) tagsOf(bucketName string, v *version) (map[string]string, error) {
	return read(m, bucketName, func(*bucket) (map[string]string, error) {
		if v.ext == nil {
			return nil, nil
		}
		return v.ext.tags, nil
	})
}

func (m *memory) GetObjectTagging(_ context.Context, name, key, versionID string) (map[string]string, error) {
	return read(m, name, func(b *bucket) (map[string]string, error) {
		v, err := b.find(disarm(key), versionID)
		if err != nil || v.ext == nil {
			return map[string]string{}, err
		}
		return v.ext.tags, nil
	})
}

func (m *memory) PutObjectTagging(_ context.Context, name, key, versionID string, tags map[string]string) error {
	return m.change(name, func(b *bucket) error {
		v, err := b.find(disarm(key), versionID)
		if err == nil {
			v.extend().tags = cloneMap(tags)
		}
		return err
	})
}

func (m *memory) DeleteObjectTagging(ctx context.Context, name, key, versionID string) error {
	return m.PutObjectTagging(ctx, name, key, versionID, nil)
}

func (m *memory) GetObjectAttributes(_ context.Context, in *s3.GetObjectAttributesInput) (s3response.GetObjectAttributesResponse, error) {
	return read(m, *in.Bucket, func(b *bucket) (s3response.GetObjectAttributesResponse, error) {
		v, err := b.find(disarm(*in.Key), deref(in.VersionId))
		if err != nil {
			return s3response.GetObjectAttributesResponse{}, err
		}
		etag, size, modified, id := v.etagString(), v.size, v.lastModified(), b.answerID(v)
		return s3response.GetObjectAttributesResponse{
			ETag: &etag, ObjectSize: &size, LastModified: &modified, VersionId: &id,
			StorageClass: types.StorageClass(v.storageClass()),
		}, nil
	})
}
