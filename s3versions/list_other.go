package s3versions

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
)

// maxList bounds one answer: a thousand keys of a kilobyte, encoded.
const maxList = 16 << 20

var errNoWayOn = fmt.Errorf("%w: the server does not say how its list goes on", ErrBadListing)

// list asks for one answer of a listing: a document of T's XMLName that passes a check.
// Anything else is an error, also in an answer of status 200. (minio-go takes any
// document for an empty list, and does not repeat a request whose answer breaks off.)
func list[T any](
	ctx context.Context, c *Client, bucket, what string, query url.Values, check func(*T) error,
) (doc *T, err error) {
	err = c.Retry(ctx, bucket, what, 0, func(ctx context.Context) error {
		resp, err := c.Send(ctx, Request{Method: http.MethodGet, Bucket: bucket, Query: query})
		if err != nil {
			return err
		}
		defer resp.Body.Close() //nolint:errcheck // read only
		reply, err := io.ReadAll(io.LimitReader(resp.Body, maxList))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrTruncated, err)
		}
		if err := errorInside(reply); err != nil {
			return err
		}
		doc = new(T)
		if err := xml.Unmarshal(reply, doc); err != nil {
			return fmt.Errorf("%w: %w", ErrTruncated, err)
		}
		return check(doc)
	})
	if cause := s3err.Classify(err); cause != nil {
		err = s3err.As(cause, err, "%v", err)
	}
	return doc, err
}

// Upload is an upload in parts that was not completed.
type Upload struct {
	Key       string // Ceph RGW encodes it without saying so
	UploadID  string `xml:"UploadId"`
	Initiated time.Time
}

// Uploads iterates over the uploads in parts that were not completed, and whose key
// begins with prefix. An error ends it.
//
// Errors: ErrNoBucket, ErrAccessDenied, ErrCredentials, ErrUnreachable, ErrBadListing.
func (c *Client) Uploads(ctx context.Context, bucket, prefix string) iter.Seq2[Upload, error] {
	c = c.made()
	return func(yield func(Upload, error) bool) {
		if err := CheckBucketName(bucket); err != nil {
			yield(Upload{}, err)
			return
		}
		query := url.Values{"uploads": {""}, "prefix": {prefix}, "encoding-type": {"url"}}
		var goesOn progress
		for {
			page, err := list(ctx, c, bucket, "list unfinished uploads", query, (*uploadPage).decode)
			if err != nil {
				yield(Upload{}, err)
				return
			}
			for _, u := range page.Upload {
				if !yield(u, nil) {
					return
				}
			}
			if !page.IsTruncated {
				return
			}
			if err := goesOn.to(page.next()); err != nil {
				yield(Upload{}, err)
				return
			}
			query.Set("key-marker", page.NextKeyMarker)
			query.Set("upload-id-marker", page.NextUploadIDMarker)
		}
	}
}

// uploadPage is an answer to ListMultipartUploads.
type uploadPage struct {
	XMLName            xml.Name `xml:"ListMultipartUploadsResult"`
	IsTruncated        bool
	NextKeyMarker      string
	NextUploadIDMarker string `xml:"NextUploadIdMarker"`
	EncodingType       string
	Upload             []Upload
}

// next is where the next page begins; "" if that is not said.
func (p *uploadPage) next() string {
	if p.NextKeyMarker == "" && p.NextUploadIDMarker == "" {
		return ""
	}
	return p.NextKeyMarker + "\x00" + p.NextUploadIDMarker
}

func (p *uploadPage) decode() error {
	if p.EncodingType != "url" {
		return nil
	}
	keys := []*string{&p.NextKeyMarker}
	for i := range p.Upload {
		keys = append(keys, &p.Upload[i].Key)
	}
	return decodeKeys(keys)
}

// Bucket is one of the identity's own buckets.
type Bucket struct {
	Name    string
	Created time.Time // zero if the server does not say so
}

// Buckets lists the identity's own buckets, and tells who the identity is. Buckets of
// others are not among them.
//
// Errors: ErrAccessDenied, ErrCredentials, ErrUnreachable, ErrBadListing.
func (c *Client) Buckets(ctx context.Context) (Owner, []Bucket, error) {
	c = c.made()
	var all []Bucket
	query := url.Values{}
	var goesOn progress
	for token := ""; ; {
		page, err := list(ctx, c, "", "list buckets", query, func(*bucketPage) error { return nil })
		if err != nil {
			return Owner{}, nil, err
		}
		for _, b := range page.Buckets.Bucket {
			created, _ := time.Parse(time.RFC3339Nano, b.CreationDate)
			all = append(all, Bucket{b.Name, created})
		}
		if page.ContinuationToken == "" || page.ContinuationToken == token {
			return page.Owner, all, nil
		}
		token = page.ContinuationToken
		if err := goesOn.to(token); err != nil {
			return Owner{}, nil, err
		}
		query.Set("continuation-token", token)
	}
}

// bucketPage is an answer to ListBuckets.
type bucketPage struct {
	XMLName xml.Name `xml:"ListAllMyBucketsResult"`
	Owner   Owner
	Buckets struct {
		Bucket []struct{ Name, CreationDate string }
	}
	ContinuationToken string
}
