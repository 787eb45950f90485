package s3versions

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/cesnet/rwm/internal/s3err"
)

// pageSize is the most entries that S3 servers send at once.
const pageSize = 1000

// keyRange is a part of a bucket's key space: the keys with a prefix, or those
// from start (inclusive) to end (exclusive, "" for no end).
type keyRange struct {
	prefix     string
	start, end string
	// after is the key marker the listing begins with; it may lie before start.
	after, afterVersion string
	// probe asks for two entries first, where a range is most likely empty.
	probe bool
}

// lister reads one range of a bucket's version listing page by page.
//
// It does not trust the server blindly: every page must follow the one before in the
// order of keys, and no entry may come twice.
type lister struct {
	c      *Client
	bucket string

	rng      keyRange
	key, ver string          // the marker
	seen     map[string]bool // version markers used for key
	last     Version         // the last entry delivered
	done     bool
	first    bool
}

func (c *Client) newLister(bucket string, rng keyRange) *lister {
	return &lister{c: c, bucket: bucket, rng: rng, key: rng.after, ver: rng.afterVersion, first: true}
}

// next returns the following entries of the range; none when it is exhausted.
func (l *lister) next(ctx context.Context) ([]Version, error) {
	for !l.done {
		max := pageSize
		if l.first && l.rng.probe {
			max = 2
		}
		l.first = false
		p, err := l.fetch(ctx, max)
		if err != nil {
			return nil, err
		}
		entries, err := l.accept(p)
		if err != nil {
			return nil, fmt.Errorf("list versions of bucket %s after key %q version %q: %w", l.bucket, l.key, l.ver, err)
		}
		if len(entries) > 0 {
			return entries, nil
		}
	}
	return nil, nil
}

// fetch gets one page. Keys are requested literally, because servers disagree on what
// encoding-type=url covers; only a page with a key that XML cannot carry is requested
// again, encoded.
func (l *lister) fetch(ctx context.Context, max int) (*page, error) {
	p, err := l.request(ctx, max, false)
	if errors.Is(err, errNeedsEncoding) {
		p, err = l.request(ctx, max, true)
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, s3err.Wrap(err, "list versions of bucket %s after key %q", l.bucket, l.key)
	}
	return p, nil
}

func (l *lister) request(ctx context.Context, max int, encoded bool) (*page, error) {
	q := url.Values{"versions": {""}, "max-keys": {strconv.Itoa(max)}}
	if l.rng.prefix != "" {
		q.Set("prefix", l.rng.prefix)
	}
	if l.key != "" {
		q.Set("key-marker", l.key)
		if l.ver != "" {
			q.Set("version-id-marker", l.ver)
		}
	}
	if encoded {
		q.Set("encoding-type", "url")
	}
	var p *page
	err := l.c.Retry(ctx, l.bucket, "list versions", 0, func(ctx context.Context) error {
		resp, err := l.c.Send(ctx, Request{Method: http.MethodGet, Bucket: l.bucket, Query: q})
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		p, err = parsePage(resp.Body, encoded)
		return err
	})
	return p, err
}

// accept checks a page against what came before, moves the marker and returns
// what belongs to the range.
func (l *lister) accept(p *page) ([]Version, error) {
	entries := p.entries
	// An empty page of another prefix, or all of it, would else pass for this one.
	if answersOther(p.prefix, l.rng.prefix) {
		return nil, fmt.Errorf("%w: keys with prefix %q were asked for, and the answer is for %q", ErrBadListing, l.rng.prefix, s3err.Clip(p.prefix))
	}
	if !slices.IsSortedFunc(entries, func(a, b Version) int { return strings.Compare(a.Key, b.Key) }) {
		// Versions and markers in two runs instead of one.
		slices.SortStableFunc(entries, func(a, b Version) int {
			if c := strings.Compare(a.Key, b.Key); c != 0 {
				return c
			}
			if a.IsLatest != b.IsLatest {
				if a.IsLatest {
					return -1
				}
				return 1
			}
			return b.LastModified.Compare(a.LastModified)
		})
	}
	if len(entries) > 0 {
		first := &entries[0]
		switch {
		// Ceph RGW sends a key marker's own key again if there is no version ID
		// marker with it; that is so where a range begins, and clip drops it.
		case first.Key < l.key, first.Key == l.key && l.key != "" && l.ver == "" && l.key != l.rng.after:
			return nil, fmt.Errorf("%w: it goes back to key %q", ErrBadListing, s3err.Clip(first.Key))
		case first.Key < l.last.Key || first.Key == l.last.Key && first.VersionID == l.last.VersionID:
			return nil, fmt.Errorf("%w: it repeats key %q version %s", ErrBadListing, s3err.Clip(first.Key), s3err.Clip(first.VersionID))
		case !strings.HasPrefix(first.Key, l.rng.prefix) || !strings.HasPrefix(entries[len(entries)-1].Key, l.rng.prefix):
			return nil, fmt.Errorf("%w: keys other than those with prefix %q came back", ErrBadListing, l.rng.prefix)
		}
	}
	if p.truncated {
		if err := l.advance(p, entries); err != nil {
			return nil, err
		}
	} else {
		l.done = true
	}
	if n := len(entries); n > 0 {
		l.last = entries[n-1]
	}
	return l.clip(entries), nil
}

// advance moves the marker to the end of the page: to where the server says,
// if that is the last entry it sent, or else to that entry. So a server's
// marker can neither skip a key nor lead in circles.
func (l *lister) advance(p *page, entries []Version) error {
	key, ver := p.nextKey, p.nextVersion
	if n := len(entries); n > 0 {
		end := &entries[n-1]
		if p.encoded || key != end.Key {
			key = end.Key
		}
		known := false
		for i := n - 1; i >= 0 && entries[i].Key == end.Key; i-- {
			known = known || entries[i].VersionID == ver
		}
		if !known {
			ver = end.VersionID
		}
	}
	if p.encoded && len(entries) == 0 {
		return fmt.Errorf("%w: an empty page that is not the last", ErrBadListing)
	}
	switch {
	case key < l.key || key == "":
		return fmt.Errorf("%w: the next page would begin at key %q", ErrBadListing, s3err.Clip(key))
	case key == l.key && (ver == l.ver || l.seen[ver] || ver == ""):
		return fmt.Errorf("%w: the page does not move forward", ErrBadListing)
	}
	if key != l.key {
		l.seen = nil
	}
	if l.seen == nil {
		l.seen = make(map[string]bool)
	}
	l.seen[ver] = true
	l.key, l.ver = key, ver
	return nil
}

// clip drops what lies outside the range and notices its end.
func (l *lister) clip(entries []Version) []Version {
	i := 0
	for i < len(entries) && entries[i].Key < l.rng.start {
		i++
	}
	entries = entries[i:]
	if l.rng.end != "" {
		for j := range entries {
			if entries[j].Key >= l.rng.end {
				l.done = true
				return entries[:j]
			}
		}
		if l.key >= l.rng.end {
			l.done = true
		}
	}
	return entries
}
