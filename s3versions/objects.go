package s3versions

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Object is a current object, or a common prefix of some when a listing is not
// recursive.
type Object struct {
	Key          string
	Prefix       bool // Key ends with "/", and stands for the objects below it
	Size         int64
	LastModified time.Time
	ETag         string // without quotes
	StorageClass string
}

// Objects iterates over the current objects whose key begins with prefix, page by page,
// each in the order of keys. Unless it is recursive, keys that continue after the next
// slash become one Object, their common prefix. An error ends it. (minio-go takes an
// error in an answer of status 200 for an empty list, and does not repeat a request
// whose answer breaks off.)
//
// Errors: ErrNoBucket, ErrAccessDenied, ErrCredentials, ErrUnreachable, ErrBadListing.
func (c *Client) Objects(ctx context.Context, bucket, prefix string, recursive bool) iter.Seq2[Object, error] {
	c = c.made()
	return func(yield func(Object, error) bool) {
		if err := CheckBucketName(bucket); err != nil {
			yield(Object{}, err)
			return
		}
		query := url.Values{"list-type": {"2"}, "prefix": {prefix}, "encoding-type": {"url"}}
		if !recursive {
			query.Set("delimiter", "/")
		}
		for {
			page, err := c.objectPage(ctx, bucket, query)
			if err != nil {
				yield(Object{}, err)
				return
			}
			for _, o := range page.objects() {
				if !yield(o, nil) {
					return
				}
			}
			if !page.IsTruncated {
				return
			}
			next := page.NextContinuationToken
			if next == "" || next == query.Get("continuation-token") {
				yield(Object{}, fmt.Errorf("%w: the server does not say how its list goes on", ErrBadListing))
				return
			}
			query.Set("continuation-token", next)
		}
	}
}

// maxObjectPage bounds one answer: a thousand keys of a kilobyte, encoded.
const maxObjectPage = 16 << 20

func (c *Client) objectPage(ctx context.Context, bucket string, query url.Values) (page *objectPage, err error) {
	err = c.Retry(ctx, bucket, "list objects", 0, func(ctx context.Context) error {
		resp, err := c.Send(ctx, Request{Method: http.MethodGet, Bucket: bucket, Query: query})
		if err != nil {
			return err
		}
		defer resp.Body.Close() //nolint:errcheck // read only
		page = &objectPage{}
		if err := xml.NewDecoder(io.LimitReader(resp.Body, maxObjectPage)).Decode(page); err != nil {
			return fmt.Errorf("%w: %w", ErrTruncated, err)
		}
		return page.decode()
	})
	return page, err
}

// objectPage is an answer to ListObjectsV2.
type objectPage struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	IsTruncated           bool
	NextContinuationToken string
	EncodingType          string
	Contents              []struct {
		Key          string
		Size         int64
		LastModified time.Time
		ETag         string
		StorageClass string
	}
	CommonPrefixes []struct{ Prefix string }
}

func (p *objectPage) decode() error {
	if p.EncodingType != "url" {
		return nil
	}
	var keys []*string
	for i := range p.Contents {
		keys = append(keys, &p.Contents[i].Key)
	}
	for i := range p.CommonPrefixes {
		keys = append(keys, &p.CommonPrefixes[i].Prefix)
	}
	return decodeKeys(keys)
}

func (p *objectPage) objects() []Object {
	all := make([]Object, 0, len(p.Contents)+len(p.CommonPrefixes))
	for _, o := range p.Contents {
		all = append(all, Object{Key: o.Key, Size: o.Size, LastModified: o.LastModified, ETag: BareETag(o.ETag), StorageClass: o.StorageClass})
	}
	for _, p := range p.CommonPrefixes {
		all = append(all, Object{Key: p.Prefix, Prefix: true})
	}
	slices.SortFunc(all, func(a, b Object) int { return strings.Compare(a.Key, b.Key) })
	return all
}
