package s3state

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

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
		data, err := s.s3.Call(ctx, s3versions.Request{Method: http.MethodGet, Query: q})
		if err != nil {
			return Owner{}, nil, s3err.Wrap(err, "list buckets")
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
