package s3state

import (
	"context"
	"encoding/xml"
	"net/http"
	"net/url"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// putPublicAccessBlock makes the server ignore ACLs that open objects to the public,
// which the owner of an object can set. It reports whether the server knows the
// setting. (BlockPublicAcls would make Ceph refuse every upload of the host.)
func (s *Store) putPublicAccessBlock(ctx context.Context, bucket string) (bool, error) {
	const body = `<PublicAccessBlockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
		`<BlockPublicAcls>false</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>` +
		`<BlockPublicPolicy>false</BlockPublicPolicy><RestrictPublicBuckets>false</RestrictPublicBuckets>` +
		`</PublicAccessBlockConfiguration>`
	err := s.putSetting(ctx, bucket, "publicAccessBlock", []byte(body))
	if noSuchFeature(err) {
		return false, nil
	}
	return err == nil, s3err.Wrap(err, "ignore public ACLs in bucket %s", bucket)
}

// publicACLsIgnored reads what putPublicAccessBlock sets.
func (s *Store) publicACLsIgnored(ctx context.Context, bucket string) (bool, error) {
	data, err := s.s3.Call(ctx, s3versions.Request{Method: http.MethodGet, Bucket: bucket, Query: url.Values{"publicAccessBlock": {""}}})
	if s3err.Code(err) == "NoSuchPublicAccessBlockConfiguration" {
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

// noSuchFeature tells the errors of servers that lack the feature.
func noSuchFeature(err error) bool {
	switch s3err.Code(err) {
	case "NotImplemented", "MethodNotAllowed", "APINotSupported", "InvalidRequest":
		return true
	}
	return s3err.Status(err) == http.StatusNotImplemented || s3err.Status(err) == http.StatusMethodNotAllowed
}
