package s3dev

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

// read runs fn on a bucket under its read lock.
func read[T any](m *memory, name string, fn func(*bucket) (T, error)) (T, error) {
	b, err := m.bucket(name)
	if err != nil {
		var zero T
		return zero, err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	return fn(b)
}

// change runs fn on a bucket under its lock.
func (m *memory) change(name string, fn func(*bucket) error) error {
	b, err := m.bucket(name)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return fn(b)
}

// set stores one configuration, or with nil removes it.
func (m *memory) set(name string, field func(*bucket) *[]byte, data []byte) error {
	return m.change(name, func(b *bucket) error {
		*field(b) = slices.Clone(data)
		return nil
	})
}

func (m *memory) setting(name string, field func(*bucket) *[]byte, missing s3err.ErrorCode) ([]byte, error) {
	return read(m, name, func(b *bucket) ([]byte, error) {
		if data := *field(b); data != nil {
			return data, nil
		}
		return nil, s3err.GetBucketErr(missing, name)
	})
}

// GetBucketAcl is also the front end's first call once a request's signature
// was checked, which is when the gate is due.
func (m *memory) GetBucketAcl(ctx context.Context, in *s3.GetBucketAclInput) ([]byte, error) {
	rc := requestCtx(ctx)
	if err := m.gate(rc); err != nil {
		return nil, err
	}
	return read(m, *in.Bucket, func(b *bucket) ([]byte, error) {
		anonymous := rc != nil && len(rc.Request.Header.Peek("Authorization")) == 0
		if !b.ignorePublicACLs || !anonymous {
			return b.acl, nil
		}
		acl, err := auth.ParseACL(b.acl)
		if err != nil {
			return nil, err
		}
		acl.Grantees = slices.DeleteFunc(acl.Grantees, func(g auth.Grantee) bool { return g.Type == types.TypeGroup })
		return json.Marshal(acl)
	})
}

func (m *memory) PutBucketAcl(_ context.Context, name string, data []byte) error {
	return m.change(name, func(b *bucket) error {
		acl, err := auth.ParseACL(data)
		if err != nil {
			return err
		}
		if b.blockPublicACLs && (acl.IsPublic(auth.PermissionRead) || acl.IsPublic(auth.PermissionWrite)) {
			return s3err.GetAPIError(s3err.ErrAccessDenied)
		}
		b.acl = slices.Clone(data)
		return nil
	})
}

func (m *memory) PutBucketVersioning(_ context.Context, name string, status types.BucketVersioningStatus) error {
	return m.change(name, func(b *bucket) error {
		if b.lock != nil && status != types.BucketVersioningStatusEnabled {
			return s3err.GetAPIError(s3err.ErrSuspendedVersioningNotAllowed)
		}
		if status == types.BucketVersioningStatusEnabled {
			b.versioning = types.BucketVersioningStatusEnabled
		} else {
			b.versioning = types.BucketVersioningStatusSuspended
		}
		return nil
	})
}

func (m *memory) GetBucketVersioning(_ context.Context, name string) (s3response.GetBucketVersioningOutput, error) {
	return read(m, name, func(b *bucket) (s3response.GetBucketVersioningOutput, error) {
		if b.versioning == "" {
			return s3response.GetBucketVersioningOutput{}, nil
		}
		status := b.versioning
		return s3response.GetBucketVersioningOutput{Status: &status}, nil
	})
}

func policyField(b *bucket) *[]byte  { return &b.policyText }
func corsField(b *bucket) *[]byte    { return &b.cors }
func websiteField(b *bucket) *[]byte { return &b.website }

// GetBucketPolicy serves a GET. Other requests are judged by the gate, and the
// front end must not judge anonymous ones by itself.
func (m *memory) GetBucketPolicy(ctx context.Context, name string) ([]byte, error) {
	if callerOf(ctx) == nil {
		return nil, s3err.GetBucketErr(s3err.ErrNoSuchBucketPolicy, name)
	}
	return m.setting(name, policyField, s3err.ErrNoSuchBucketPolicy)
}

func (m *memory) DeleteBucketPolicy(_ context.Context, name string) error {
	return m.change(name, func(b *bucket) error { b.policyText, b.parsed = nil, nil; return nil })
}

func (m *memory) PutBucketOwnershipControls(_ context.Context, name string, o types.ObjectOwnership) error {
	return m.change(name, func(b *bucket) error { b.ownership = cloneString(o); return nil })
}

func (m *memory) GetBucketOwnershipControls(_ context.Context, name string) (types.ObjectOwnership, error) {
	return read(m, name, func(b *bucket) (types.ObjectOwnership, error) {
		if b.ownership == "" {
			return "", s3err.GetBucketErr(s3err.ErrOwnershipControlsNotFound, name)
		}
		return b.ownership, nil
	})
}

func (m *memory) DeleteBucketOwnershipControls(_ context.Context, name string) error {
	return m.change(name, func(b *bucket) error { b.ownership = ""; return nil })
}

func (m *memory) PutBucketCors(_ context.Context, name string, data []byte) error {
	return m.set(name, corsField, data)
}

func (m *memory) GetBucketCors(_ context.Context, name string) ([]byte, error) {
	return m.setting(name, corsField, s3err.ErrNoSuchCORSConfiguration)
}

func (m *memory) DeleteBucketCors(_ context.Context, name string) error {
	return m.set(name, corsField, nil)
}

func (m *memory) PutBucketWebsite(_ context.Context, name string, data []byte) error {
	return m.set(name, websiteField, data)
}

func (m *memory) GetBucketWebsite(_ context.Context, name string) ([]byte, error) {
	return m.setting(name, websiteField, s3err.ErrNoSuchWebsiteConfiguration)
}

func (m *memory) DeleteBucketWebsite(_ context.Context, name string) error {
	return m.set(name, websiteField, nil)
}

func (m *memory) GetBucketTagging(_ context.Context, name string) (map[string]string, error) {
	return read(m, name, func(b *bucket) (map[string]string, error) {
		if len(b.tags) == 0 {
			return nil, s3err.GetBucketErr(s3err.ErrBucketTaggingNotFound, name)
		}
		return b.tags, nil
	})
}

func (m *memory) PutBucketTagging(_ context.Context, name string, tags map[string]string) error {
	return m.change(name, func(b *bucket) error { b.tags = cloneMap(tags); return nil })
}

func (m *memory) DeleteBucketTagging(_ context.Context, name string) error {
	return m.change(name, func(b *bucket) error { b.tags = nil; return nil })
}
