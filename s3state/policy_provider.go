package s3state

import (
	"context"
	"net/http"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// isCeph reports whether a bucket is on Ceph RGW, where the writer of an object may
// read its old versions unless a Deny says otherwise. The form of its request IDs
// tells.
func (s *Store) isCeph(ctx context.Context, bucket string) (bool, error) {
	var id string
	err := s.s3.Retry(ctx, bucket, "ask the server what it is", 0, func(ctx context.Context) error {
		resp, err := s.s3.Send(ctx, s3versions.Request{Method: http.MethodHead, Bucket: bucket})
		if err != nil {
			return err
		}
		id = resp.Header.Get("X-Amz-Request-Id")
		return resp.Body.Close()
	})
	return s3err.CephRequestID(id), s3err.Wrap(err, "bucket %s", bucket)
}

// noteHoles adds the gaps that this provider leaves, and what closes them. The policy
// is not at fault, so the check stays OK. What the caller may not see is left out.
func (s *Store) noteHoles(ctx context.Context, bucket string, c *PolicyCheck) error {
	ignored, err := s.publicACLsIgnored(ctx, bucket)
	switch {
	case err == nil && !ignored:
		c.note("public ACLs are not ignored: the host can open its objects to everybody; " +
			"`rwm storage-adopt BUCKET USER` sets the bucket's public-access block, only IgnorePublicAcls (docs/migration.md)")
	case noSuchFeature(err):
		c.note("this server cannot ignore public ACLs: try whether the host can open its objects to everybody")
	case err != nil && s3err.Status(err) != http.StatusForbidden:
		return s3err.Wrap(err, "read the public-access block of bucket %s", bucket)
	}
	ceph, err := s.isCeph(ctx, bucket)
	if ceph && !c.StrangersDenied {
		c.note("on Ceph RGW the host can let any other user read what it writes, by an ACL at upload: " +
			"`rwm storage-adopt BUCKET USER` denies it in the policy (docs/migration.md)")
	}
	switch {
	case err != nil && s3err.Status(err) != http.StatusForbidden:
		return err
	case ceph && !c.VersionsDenied:
		c.note("on Ceph RGW the host can read old versions of what it wrote: " +
			"`rwm storage-adopt BUCKET USER` denies it in the policy (docs/migration.md); and give each host a bucket of its own")
	case ceph:
		c.note("Ceph RGW may let the host copy old versions of what it wrote part by part, past the policy: " +
			"try it with storage-access, and give each host a bucket of its own")
	}
	return nil
}
