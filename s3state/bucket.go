package s3state

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
	"github.com/minio/minio-go/v7/pkg/s3utils"
	"golang.org/x/sync/errgroup"
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

// checkNewName is stricter: old buckets may have names that S3 no longer takes.
func checkNewName(bucket string) error {
	if err := s3utils.CheckValidBucketNameStrict(bucket); err != nil {
		return fmt.Errorf("%w: bucket name %q: %v", ErrInvalid, bucket, err)
	}
	return nil
}

func (s *Store) getACL(ctx context.Context, bucket string) (ACL, error) {
	data, err := s.s3.Call(ctx, s3versions.Request{Method: http.MethodGet, Bucket: bucket, Query: url.Values{"acl": {""}}})
	if err != nil {
		return ACL{}, s3err.Wrap(err, "read the ACL of bucket %s", bucket)
	}
	acl, err := readACL(bytes.NewReader(data))
	if err != nil {
		return ACL{}, fmt.Errorf("read the ACL of bucket %s: %w", bucket, err)
	}
	return acl, nil
}

// readACL reads the ACL of a bucket or an object.
func readACL(r io.Reader) (ACL, error) {
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
	if err := xml.NewDecoder(io.LimitReader(r, 1<<20)).Decode(&doc); err != nil {
		return ACL{}, err
	}
	acl := ACL{Owner: doc.Owner}
	for _, g := range doc.AccessControlList.Grant {
		acl.Grants = append(acl.Grants, Grant{Grantee: Grantee(g.Grantee), Permission: g.Permission})
	}
	return acl, nil
}

// getPolicy returns nil if the bucket has no policy.
func (s *Store) getPolicy(ctx context.Context, bucket string) ([]byte, error) {
	data, err := s.s3.Call(ctx, s3versions.Request{Method: http.MethodGet, Bucket: bucket, Query: url.Values{"policy": {""}}})
	if s3err.Code(err) == "NoSuchBucketPolicy" {
		return nil, nil
	}
	if err != nil {
		return nil, s3err.Wrap(err, "read the policy of bucket %s", bucket)
	}
	if len(data) == 0 {
		return nil, nil
	}
	return data, nil
}

// Versioning is the versioning of a bucket, in S3's words.
type Versioning string

// The states of versioning.
const (
	VersioningOff       Versioning = "" // it was never enabled
	VersioningEnabled   Versioning = "Enabled"
	VersioningSuspended Versioning = "Suspended" // writes replace the version "null"
)

func (s *Store) getVersioning(ctx context.Context, bucket string) (Versioning, error) {
	data, err := s.s3.Call(ctx, s3versions.Request{Method: http.MethodGet, Bucket: bucket, Query: url.Values{"versioning": {""}}})
	if err != nil {
		return "", s3err.Wrap(err, "read the versioning of bucket %s", bucket)
	}
	var doc struct {
		XMLName xml.Name `xml:"VersioningConfiguration"`
		Status  Versioning
	}
	if err := xml.Unmarshal(data, &doc); err != nil {
		return "", fmt.Errorf("read the versioning of bucket %s: %w", bucket, err)
	}
	return doc.Status, nil
}

// requireVersioned refuses buckets in which a write replaces what was there.
func (s *Store) requireVersioned(ctx context.Context, bucket string) error {
	if err := s3versions.CheckBucketName(bucket); err != nil {
		return err
	}
	status, err := s.getVersioning(ctx, bucket)
	if err != nil {
		return err
	}
	if status != VersioningEnabled {
		return fmt.Errorf("bucket %s: %w", bucket, ErrNotVersioned)
	}
	return nil
}

// exists reports whether there is a bucket of that name, by any owner.
func (s *Store) exists(ctx context.Context, bucket string) (bool, error) {
	_, err := s.s3.Call(ctx, s3versions.Request{Method: http.MethodHead, Bucket: bucket})
	switch {
	case err == nil:
		return true, nil
	case s3err.Status(err) == http.StatusNotFound:
		return false, nil
	case s3err.Status(err) == http.StatusForbidden:
		// HEAD has no body, so this is another's bucket or wrong credentials. Listing
		// one's own buckets tells which.
		if _, _, cerr := s.ownBuckets(ctx); cerr != nil && errors.Is(cerr, ErrCredentials) {
			return false, cerr
		}
		return true, nil
	}
	return false, s3err.Wrap(err, "look for bucket %s", bucket)
}

// bucketConfig holds a bucket's own settings as the server gives them.
type bucketConfig struct {
	acl        ACL
	policy     []byte // nil if there is none
	versioning Versioning
}

func (s *Store) bucketConfig(ctx context.Context, bucket string) (*bucketConfig, error) {
	if err := s3versions.CheckBucketName(bucket); err != nil {
		return nil, err
	}
	var f bucketConfig
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { f.acl, err = s.getACL(ctx, bucket); return err })
	g.Go(func() (err error) { f.policy, err = s.getPolicy(ctx, bucket); return err })
	g.Go(func() (err error) { f.versioning, err = s.getVersioning(ctx, bucket); return err })
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return &f, nil
}

// requireOwner refuses, before anything is changed, credentials that are plainly not
// the admin's. If the server does not tell who is asking, the operation itself will
// fail.
func (s *Store) requireOwner(ctx context.Context, bucket string) error {
	acl, err := s.getACL(ctx, bucket)
	if err != nil {
		if s3err.Forbidden(err) {
			return nil
		}
		return err
	}
	caller, _, err := s.ownBuckets(ctx)
	if err != nil || caller.ID == "" || acl.Owner.ID == "" || caller.ID == acl.Owner.ID {
		return nil
	}
	return fmt.Errorf("%w: the bucket belongs to %s, these are the credentials of %s", ErrAccessDenied, acl.Owner.ID, caller.ID)
}
