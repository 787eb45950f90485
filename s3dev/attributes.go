package s3dev

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/s3err"
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
			StorageClass: types.StorageClassStandard,
		}, nil
	})
}

// publicACL tells whether a canned object ACL lets everybody read.
func publicACL(canned string) bool { return canned == "public-read" || canned == "public-read-write" }

// applyObjectACL applies the x-amz-acl header of a write. The front end
// ignores it; RGW lets whoever may write an object publish it that way.
func (b *bucket) applyObjectACL(ctx context.Context, v *version) error {
	rc := requestCtx(ctx)
	if rc == nil || !publicACL(string(rc.Request.Header.Peek("X-Amz-Acl"))) {
		return nil
	}
	if b.blockPublicACLs {
		return s3err.GetAPIError(s3err.ErrAccessDenied)
	}
	v.extend().publicRead = true
	return nil
}

func (m *memory) PutObjectAcl(ctx context.Context, in *s3.PutObjectAclInput) error {
	return m.change(*in.Bucket, func(b *bucket) error {
		versionID := ""
		if rc := requestCtx(ctx); rc != nil {
			versionID = string(rc.QueryArgs().Peek("versionId"))
		}
		v, err := b.find(disarm(*in.Key), versionID)
		if err != nil {
			return err
		}
		public := publicACL(string(in.ACL))
		if public && b.blockPublicACLs {
			return s3err.GetAPIError(s3err.ErrAccessDenied)
		}
		v.extend().publicRead = public
		return nil
	})
}

func (m *memory) GetObjectAcl(_ context.Context, in *s3.GetObjectAclInput) (*s3.GetObjectAclOutput, error) {
	return read(m, *in.Bucket, func(b *bucket) (*s3.GetObjectAclOutput, error) {
		v, err := b.find(disarm(*in.Key), "")
		if err != nil {
			return nil, err
		}
		name := m.ids.displayName(v.owner)
		owner := &types.Owner{ID: &v.owner, DisplayName: &name}
		grants := []types.Grant{{
			Permission: types.PermissionFullControl,
			Grantee:    &types.Grantee{ID: &v.owner, DisplayName: &name, Type: types.TypeCanonicalUser},
		}}
		if v.ext != nil && v.ext.publicRead {
			uri := allUsers
			grants = append(grants, types.Grant{
				Permission: types.PermissionRead, Grantee: &types.Grantee{URI: &uri, Type: types.TypeGroup},
			})
		}
		return &s3.GetObjectAclOutput{Owner: owner, Grants: grants}, nil
	})
}

const allUsers = "http://acs.amazonaws.com/groups/global/AllUsers"

// anonymousRead tells whether everybody may read the object by its own ACL.
func (m *memory) anonymousRead(bucketName, key, versionID string) bool {
	ok, err := read(m, bucketName, func(b *bucket) (bool, error) {
		v, err := b.find(key, versionID)
		return err == nil && v.ext != nil && v.ext.publicRead && !b.ignorePublicACLs, nil
	})
	return ok && err == nil
}
