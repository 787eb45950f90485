package s3versions

import (
	"context"
	"encoding/xml"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
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
// slash become one Object, their common prefix. An error ends it. A server that does not
// know ListObjectsV2 is asked with ListObjects.
//
// An answer to another request, as a proxy's cache may give, is an error, and so is one
// that does not go on. To a prune, a list of other objects is a list without snapshots.
//
// Errors: ErrNoBucket, ErrAccessDenied, ErrCredentials, ErrUnreachable, ErrBadListing.
func (c *Client) Objects(ctx context.Context, bucket, prefix string, recursive bool) iter.Seq2[Object, error] {
	c = c.made()
	return func(yield func(Object, error) bool) {
		if err := CheckBucketName(bucket); err != nil {
			yield(Object{}, err)
			return
		}
		query := url.Values{"prefix": {prefix}, "encoding-type": {"url"}}
		if !recursive {
			query.Set("delimiter", "/")
		}
		v1 := c.known.listV1.Load()
		var goesOn progress
		for next, first := "", true; ; first = false {
			page, err := c.objectPage(ctx, bucket, query, v1, next)
			if first && !v1 && s3err.Code(err) == "NotImplemented" {
				v1 = true
				c.known.listV1.Store(true)
				page, err = c.objectPage(ctx, bucket, query, v1, next)
			}
			if err != nil {
				yield(Object{}, err)
				return
			}
			all := page.objects()
			if err := goesOn.page(all); err != nil {
				yield(Object{}, err)
				return
			}
			for _, o := range all {
				if !yield(o, nil) {
					return
				}
			}
			if !*page.IsTruncated {
				return
			}
			if next = page.NextContinuationToken; v1 {
				next = page.marker(all)
			}
			if err := goesOn.to(next); err != nil {
				yield(Object{}, err)
				return
			}
		}
	}
}

// objectPage asks for the page that begins at next; "" is the first.
func (c *Client) objectPage(
	ctx context.Context, bucket string, query url.Values, v1 bool, next string,
) (*objectPage, error) {
	query = maps.Clone(query)
	goesOn := "marker"
	if !v1 {
		query.Set("list-type", "2")
		goesOn = "continuation-token"
	}
	if next != "" {
		query.Set(goesOn, next)
	}
	return list(ctx, c, bucket, "list objects", query, func(p *objectPage) error {
		return p.check(query.Get("prefix"))
	})
}

// progress finds out whether a list goes on from page to page.
type progress struct {
	seen  map[string]bool // where pages began
	first string          // the last page's first key
}

func (p *progress) page(all []Object) error {
	if len(all) == 0 {
		return nil
	}
	if all[0].Key == p.first {
		return fmt.Errorf("%w: it repeats a page, which begins with %q", ErrBadListing, s3err.Clip(p.first))
	}
	p.first = all[0].Key
	return nil
}

// to says that the next page begins at next, which no other may have.
func (p *progress) to(next string) error {
	if next == "" || p.seen[next] {
		return errNoWayOn
	}
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	p.seen[next] = true
	return nil
}

// objectPage is an answer to ListObjectsV2 or ListObjects.
type objectPage struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	Prefix                string
	IsTruncated           *bool
	NextContinuationToken string
	NextMarker            string
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

// marker is where ListObjects goes on after this page, or "" if that is unknown. Servers
// name it only where there are common prefixes; otherwise it is the last key.
func (p *objectPage) marker(all []Object) string {
	if p.NextMarker != "" || len(all) == 0 {
		return p.NextMarker
	}
	return all[len(all)-1].Key
}

// check decodes the page and verifies that it answers a request for this prefix.
func (p *objectPage) check(prefix string) error {
	if p.IsTruncated == nil {
		return fmt.Errorf("%w: the answer does not say whether it is the last page", ErrBadListing)
	}
	if err := p.decode(); err != nil {
		return err
	}
	other := ""
	if answersOther(p.Prefix, prefix) {
		other = p.Prefix // all that tells an empty list from that of something else
	}
	for i := range p.Contents {
		if !strings.HasPrefix(p.Contents[i].Key, prefix) {
			other = p.Contents[i].Key
		}
	}
	for i := range p.CommonPrefixes {
		if !strings.HasPrefix(p.CommonPrefixes[i].Prefix, prefix) {
			other = p.CommonPrefixes[i].Prefix
		}
	}
	if other != "" {
		return fmt.Errorf("%w: keys with prefix %q were asked for, and %q came back", ErrBadListing, prefix, s3err.Clip(other))
	}
	return nil
}

// answersOther reports whether the prefix that an answer repeats is another one than that
// of the request. Not all servers encode what they repeat, or in the same way, and some
// repeat nothing.
func answersOther(repeated, prefix string) bool {
	path, err1 := url.PathUnescape(repeated)
	query, err2 := url.QueryUnescape(repeated)
	same := repeated == prefix || err1 == nil && path == prefix || err2 == nil && query == prefix
	return repeated != "" && !same && xmlSafe(prefix)
}

func (p *objectPage) decode() error {
	if p.EncodingType != "url" {
		return nil
	}
	keys := []*string{&p.NextMarker}
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
