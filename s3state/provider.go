package s3state

import (
	"context"
	"net/http"
	"regexp"
)

// cephRequestID is how every release of Ceph RGW numbers its requests: a count, the time,
// the gateway's instance and the zone. OpenStack Swift's begin likewise but have no
// instance.
var cephRequestID = regexp.MustCompile(`^tx[0-9a-f]{21}-[0-9a-f]{10}-[0-9a-f]+-.`)

// isCeph tells whether a bucket is on Ceph RGW, where the writer of an object may
// read its old versions unless a Deny says otherwise. No request tells what server
// it is, but its answers do.
func (s *Store) isCeph(ctx context.Context, bucket string) (bool, error) {
	var id string
	err := s.retry(ctx, bucket, "ask the server what it is", s.timeout, nil, func(ctx context.Context) error {
		resp, err := s.sendKey(ctx, http.MethodHead, bucket, "", nil, nil, nil)
		if err != nil {
			return err
		}
		id = resp.Header.Get("X-Amz-Request-Id")
		return resp.Body.Close()
	})
	return cephRequestID.MatchString(id), wrap(err, "bucket %s", bucket)
}

// noteHoles adds what is left open on this provider, and what helps. It is no
// problem of the policy, so the check stays OK. What the caller may not see is left
// out.
func (s *Store) noteHoles(ctx context.Context, bucket string, c *PolicyCheck) error {
	ignored, err := s.publicACLsIgnored(ctx, bucket)
	switch {
	case err == nil && !ignored:
		c.note("public ACLs are not ignored: the host can open its objects to everybody; " +
			"set the bucket's public-access block, only IgnorePublicAcls (docs/migration.md has the command)")
	case noSuchFeature(err):
		c.note("this server cannot ignore public ACLs: try whether the host can open its objects to everybody")
	case err != nil && status(err) != http.StatusForbidden:
		return wrap(err, "read the public-access block of bucket %s", bucket)
	}
	ceph, err := s.isCeph(ctx, bucket)
	switch {
	case err != nil && status(err) != http.StatusForbidden:
		return err
	case ceph && !c.VersionsDenied:
		c.note("on Ceph RGW the host can read old versions of what it wrote: " +
			"deny it in the policy (docs/migration.md has the statement), and give each host a bucket of its own")
	case ceph:
		c.note("Ceph RGW may let the host copy old versions of what it wrote part by part, past the policy: " +
			"try it with storage-access, and give each host a bucket of its own")
	}
	return nil
}

func (c *PolicyCheck) note(text string) { c.Notes = append(c.Notes, text) }
