package s3state

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// ACL is a bucket's access control list.
type ACL struct {
	Owner  Owner
	Grants []Grant
}

// Grant is one entry of an ACL.
type Grant struct {
	Grantee    Grantee
	Permission string
}

// Grantee is a user by ID, or a group by URI.
type Grantee struct {
	Type        string `json:",omitempty"`
	ID          string `json:",omitempty"`
	DisplayName string `json:",omitempty"`
	URI         string `json:",omitempty"`
}

func checkBucketName(bucket string) error {
	if err := s3utils.CheckValidBucketName(bucket); err != nil {
		return fmt.Errorf("%w: bucket name %q: %v", ErrInvalid, bucket, err)
	}
	return nil
}

// checkNewName is stricter: old buckets may have names that S3 no longer takes.
func checkNewName(bucket string) error {
	if err := s3utils.CheckValidBucketNameStrict(bucket); err != nil {
		return fmt.Errorf("%w: bucket name %q: %v", ErrInvalid, bucket, err)
	}
	return nil
}

func (s *Store) getACL(ctx context.Context, bucket string) (ACL, error) {
	data, err := s.call(ctx, http.MethodGet, bucket, url.Values{"acl": {""}}, nil)
	if err != nil {
		return ACL{}, wrap(err, "read the ACL of bucket %s", bucket)
	}
	var doc struct {
		XMLName           xml.Name `xml:"AccessControlPolicy"`
		Owner             Owner
		AccessControlList struct {
			Grant []struct {
				Grantee struct {
					Type        string `xml:"type,attr"`
					ID          string
					DisplayName string
					URI         string
				}
				Permission string
			}
		}
	}
	if err := xml.Unmarshal(data, &doc); err != nil {
		return ACL{}, fmt.Errorf("read the ACL of bucket %s: %w", bucket, err)
	}
	acl := ACL{Owner: doc.Owner}
	for _, g := range doc.AccessControlList.Grant {
		acl.Grants = append(acl.Grants, Grant{Grantee: Grantee(g.Grantee), Permission: g.Permission})
	}
	return acl, nil
}

// getPolicy returns nil if the bucket has no policy.
func (s *Store) getPolicy(ctx context.Context, bucket string) ([]byte, error) {
	data, err := s.call(ctx, http.MethodGet, bucket, url.Values{"policy": {""}}, nil)
	if code(err) == "NoSuchBucketPolicy" {
		return nil, nil
	}
	if err != nil {
		return nil, wrap(err, "read the policy of bucket %s", bucket)
	}
	if len(data) == 0 {
		return nil, nil
	}
	return data, nil
}

func (s *Store) getVersioning(ctx context.Context, bucket string) (string, error) {
	data, err := s.call(ctx, http.MethodGet, bucket, url.Values{"versioning": {""}}, nil)
	if err != nil {
		return "", wrap(err, "read the versioning of bucket %s", bucket)
	}
	var doc struct {
		XMLName xml.Name `xml:"VersioningConfiguration"`
		Status  string
	}
	if err := xml.Unmarshal(data, &doc); err != nil {
		return "", fmt.Errorf("read the versioning of bucket %s: %w", bucket, err)
	}
	return doc.Status, nil
}

// requireVersioned refuses buckets in which a write replaces what was there.
func (s *Store) requireVersioned(ctx context.Context, bucket string) error {
	if err := checkBucketName(bucket); err != nil {
		return err
	}
	status, err := s.getVersioning(ctx, bucket)
	if err != nil {
		return err
	}
	if status != "Enabled" {
		return fmt.Errorf("bucket %s: %w", bucket, ErrNotVersioned)
	}
	return nil
}

// exists tells whether there is a bucket of that name, whoever owns it.
func (s *Store) exists(ctx context.Context, bucket string) (bool, error) {
	_, err := s.call(ctx, http.MethodHead, bucket, nil, nil)
	switch {
	case err == nil:
		return true, nil
	case status(err) == http.StatusNotFound:
		return false, nil
	case status(err) == http.StatusForbidden:
		// HEAD has no body: another's bucket, or wrong credentials. A listing
		// of one's own buckets tells which.
		if _, _, cerr := s.ownBuckets(ctx); cerr != nil && errors.Is(cerr, ErrCredentials) {
			return false, cerr
		}
		return true, nil
	}
	return false, wrap(err, "look for bucket %s", bucket)
}

// ownBucket is an entry of the caller's bucket list.
type ownBucket struct {
	Name         string
	CreationDate string
}

// ownBuckets lists the caller's buckets and tells who the caller is, which
// minio-go's ListBuckets leaves out.
func (s *Store) ownBuckets(ctx context.Context) (Owner, []ownBucket, error) {
	var all []ownBucket
	var owner Owner
	for token := ""; ; {
		q := url.Values{}
		if token != "" {
			q.Set("continuation-token", token)
		}
		data, err := s.call(ctx, http.MethodGet, "", q, nil)
		if err != nil {
			return Owner{}, nil, wrap(err, "list buckets")
		}
		var doc struct {
			XMLName xml.Name `xml:"ListAllMyBucketsResult"`
			Owner   Owner
			Buckets struct {
				Bucket []ownBucket
			}
			ContinuationToken string
		}
		if err := xml.Unmarshal(data, &doc); err != nil {
			return Owner{}, nil, fmt.Errorf("list buckets: %w", err)
		}
		all = append(all, doc.Buckets.Bucket...)
		owner = doc.Owner
		if doc.ContinuationToken == "" || doc.ContinuationToken == token {
			return owner, all, nil
		}
		token = doc.ContinuationToken
	}
}
