package s3tool

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

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/s3versions"
)

// Bucket is one of the identity's own buckets.
type Bucket struct {
	Name    string
	Created time.Time
}

// Buckets lists the buckets that the identity owns. Buckets of other identities are not
// among them.
func (t *Tool) Buckets(ctx context.Context) ([]Bucket, error) {
	t = t.made()
	var infos []minio.BucketInfo
	err := t.again(ctx, "", "list buckets", 0, func(ctx context.Context) (err error) {
		infos, err = t.client.ListBuckets(ctx)
		return err
	})
	if err != nil {
		return nil, explain(err, "list", Location{Bucket: "*"})
	}
	buckets := make([]Bucket, len(infos))
	for i, b := range infos {
		buckets[i] = Bucket{Name: b.Name, Created: b.CreationDate}
	}
	return buckets, nil
}

// Entry is an object, or a common prefix of some when a listing is not recursive.
type Entry struct {
	Key          string
	Prefix       bool // Key ends with "/", and stands for the objects below it
	Size         int64
	LastModified time.Time
	ETag         string // without quotes
	StorageClass string
}

// List iterates over the current objects whose key begins with at.Key, in the order of
// keys. Unless it is recursive, keys that continue after the next slash become one
// Entry, their common prefix. An error ends it.
func (t *Tool) List(ctx context.Context, at Location, recursive bool) iter.Seq2[Entry, error] {
	t = t.made()
	return func(yield func(Entry, error) bool) {
		if err := s3versions.CheckBucketName(at.Bucket); err != nil {
			yield(Entry{}, err)
			return
		}
		for token := ""; ; {
			page, err := t.listPage(ctx, at, recursive, token)
			if err != nil {
				yield(Entry{}, explain(err, "list", at))
				return
			}
			for _, e := range page.entries() {
				if !yield(e, nil) {
					return
				}
			}
			if !page.IsTruncated {
				return
			}
			if page.NextContinuationToken == "" || page.NextContinuationToken == token {
				yield(Entry{}, fmt.Errorf("list %s: the server does not say how its list goes on", at))
				return
			}
			token = page.NextContinuationToken
		}
	}
}

// maxListPage bounds one answer: a thousand keys of a kilobyte, encoded.
const maxListPage = 16 << 20

// listPage reads one page of a listing. minio-go does not repeat a request whose answer
// breaks off.
func (t *Tool) listPage(ctx context.Context, at Location, recursive bool, token string) (page *listing, err error) {
	query := url.Values{"list-type": {"2"}, "prefix": {at.Key}, "encoding-type": {"url"}}
	if !recursive {
		query.Set("delimiter", "/")
	}
	if token != "" {
		query.Set("continuation-token", token)
	}
	err = t.versions.Retry(ctx, at.Bucket, "list objects", 0, func(ctx context.Context) error {
		resp, err := t.versions.Send(ctx, s3versions.Request{Method: http.MethodGet, Bucket: at.Bucket, Query: query})
		if err != nil {
			return err
		}
		defer resp.Body.Close() //nolint:errcheck // read only
		page = &listing{}
		if err := xml.NewDecoder(io.LimitReader(resp.Body, maxListPage)).Decode(page); err != nil {
			return fmt.Errorf("%w: %w", s3versions.ErrTruncated, err)
		}
		return page.decode()
	})
	return page, err
}

// listing is an answer to ListObjectsV2.
type listing struct {
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

// decode undoes encoding-type=url. Servers write a space as + (and a plus as %2B), or as
// %20 (and a plus perhaps as it is).
func (l *listing) decode() error {
	if l.EncodingType != "url" {
		return nil
	}
	var keys []*string
	for i := range l.Contents {
		keys = append(keys, &l.Contents[i].Key)
	}
	for i := range l.CommonPrefixes {
		keys = append(keys, &l.CommonPrefixes[i].Prefix)
	}
	unescape := url.QueryUnescape
	if slices.ContainsFunc(keys, func(key *string) bool { return strings.Contains(*key, "%20") }) {
		unescape = url.PathUnescape
	}
	for _, key := range keys {
		plain, err := unescape(*key)
		if err != nil {
			return fmt.Errorf("%w: key %q is not encoded as was asked for", s3versions.ErrBadListing, *key)
		}
		*key = plain
	}
	return nil
}

func (l *listing) entries() []Entry {
	entries := make([]Entry, 0, len(l.Contents)+len(l.CommonPrefixes))
	for _, o := range l.Contents {
		entries = append(entries, Entry{
			Key: o.Key, Size: o.Size, LastModified: o.LastModified, ETag: strings.Trim(o.ETag, `"`), StorageClass: o.StorageClass,
		})
	}
	for _, p := range l.CommonPrefixes {
		entries = append(entries, Entry{Key: p.Prefix, Prefix: true})
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Key, b.Key) })
	return entries
}

// Versions iterates over every version and delete marker whose key begins with at.Key,
// in the order of keys, and within a key the newest first. An error ends it.
func (t *Tool) Versions(ctx context.Context, at Location) iter.Seq2[s3versions.Version, error] {
	t = t.made()
	return t.versions.Versions(ctx, at.Bucket, at.Key)
}
