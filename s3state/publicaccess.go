package s3state

import (
	"context"
	"encoding/xml"
	"net/http"
	"net/url"
)

// putPublicAccessBlock has the server ignore ACLs that open objects to the
// public, which the owner of an object could otherwise set. It reports whether
// the server knows the setting. (BlockPublicAcls would make Ceph refuse every
// upload of the host.)
func (s *Store) putPublicAccessBlock(ctx context.Context, bucket string) (bool, error) {
	const body = `<PublicAccessBlockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
		`<BlockPublicAcls>false</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>` +
		`<BlockPublicPolicy>false</BlockPublicPolicy><RestrictPublicBuckets>false</RestrictPublicBuckets>` +
		`</PublicAccessBlockConfiguration>`
	_, err := s.call(ctx, http.MethodPut, bucket, url.Values{"publicAccessBlock": {""}}, []byte(body))
	if noSuchFeature(err) {
		return false, nil
	}
	return err == nil, wrap(err, "ignore public ACLs in bucket %s", bucket)
}

// publicACLsIgnored tells whether putPublicAccessBlock has been there.
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
