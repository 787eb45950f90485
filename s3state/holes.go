package s3state

import (
	"context"
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
)

// noteHoles adds what the policy leaves open on this provider, and what helps. It is no
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
	if strings.Contains(c.Owner.ID, "$") {
		c.note("on Ceph RGW, whose owner ids look like this one, the host can read old versions of what it wrote: " +
			"give each host a bucket of its own")
	}
	return nil
}

func (c *PolicyCheck) note(text string) { c.Notes = append(c.Notes, text) }

func (s *Store) publicACLsIgnored(ctx context.Context, bucket string) (bool, error) {
	data, err := s.call(ctx, http.MethodGet, bucket, url.Values{"publicAccessBlock": {""}}, nil)
	if code(err) == "NoSuchPublicAccessBlockConfiguration" {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var doc struct{ IgnorePublicAcls bool } // the root's name is another one on RGW
	if err := xml.Unmarshal(data, &doc); err != nil {
		return false, err
	}
	return doc.IgnorePublicAcls, nil
}

// noSuchFeature says that the server does not know what it was asked about.
func noSuchFeature(err error) bool {
	switch code(err) {
	case "NotImplemented", "MethodNotAllowed", "APINotSupported", "InvalidRequest":
		return true
	}
	return status(err) == http.StatusNotImplemented || status(err) == http.StatusMethodNotAllowed
}
