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
// What is on already stays: new buckets on AWS have all four settings.
func (s *Store) putPublicAccessBlock(ctx context.Context, bucket string) (bool, error) {
	b, err := s.accessBlock(ctx, bucket)
	switch {
	case noSuchFeature(err):
		return false, nil
	case err != nil:
		return false, s3err.Wrap(err, "read the public access block of bucket %s", bucket)
	case b.IgnorePublicAcls:
		return true, nil
	}
	b.IgnorePublicAcls = true
	return s.sendAccessBlock(ctx, bucket, b.accessBlockXML)
}

func (s *Store) sendAccessBlock(ctx context.Context, bucket string, block accessBlockXML) (bool, error) {
	body, err := xml.Marshal(struct {
		XMLName   xml.Name `xml:"PublicAccessBlockConfiguration"`
		Namespace string   `xml:"xmlns,attr"`
		accessBlockXML
	}{Namespace: s3Namespace, accessBlockXML: block})
	if err != nil {
		return false, err
	}
	err = s.putSetting(ctx, bucket, "publicAccessBlock", body)
	if noSuchFeature(err) {
		return false, nil
	}
	return err == nil, s3err.Wrap(err, "ignore public ACLs in bucket %s", bucket)
}

// accessBlock is a bucket's public access block.
type accessBlock struct {
	known bool // to the server
	accessBlockXML
}

type accessBlockXML struct {
	BlockPublicAcls       bool
	IgnorePublicAcls      bool
	BlockPublicPolicy     bool
	RestrictPublicBuckets bool
}

func (s *Store) accessBlock(ctx context.Context, bucket string) (accessBlock, error) {
	data, err := s.s3.Call(ctx, s3versions.Request{Method: http.MethodGet, Bucket: bucket, Query: url.Values{"publicAccessBlock": {""}}})
	if s3err.Code(err) == "NoSuchPublicAccessBlockConfiguration" {
		return accessBlock{known: true}, nil
	}
	if err != nil {
		return accessBlock{}, err
	}
	b := accessBlock{known: true}
	return b, xml.Unmarshal(data, &b.accessBlockXML) // the root's name is another one on RGW
}

// publicACLsIgnored reports whether the bucket ignores public ACLs, as
// putPublicAccessBlock sets it.
func (s *Store) publicACLsIgnored(ctx context.Context, bucket string) (bool, error) {
	b, err := s.accessBlock(ctx, bucket)
	return b.IgnorePublicAcls, err
}

// noSuchFeature reports whether an error is that of a server without the feature.
func noSuchFeature(err error) bool {
	switch s3err.Code(err) {
	case "NotImplemented", "MethodNotAllowed", "APINotSupported", "InvalidRequest":
		return true
	}
	return s3err.Status(err) == http.StatusNotImplemented || s3err.Status(err) == http.StatusMethodNotAllowed
}
