package s3dev

import (
	"sort"
	"strings"

	"github.com/versity/versitygw/s3err"
)

const maxPage = 1000

// query is one page request of any of the three listings. Markers are
// positions: a page starts behind them whether or not they still exist.
type query struct {
	prefix, delimiter string
	afterKey          string
	afterVersion      string // in the history of afterKey; "" means behind all of it
	max               int
	versions          bool // every version and marker, not only latest objects
}

type listed struct {
	key    string
	v      *version
	latest bool
}

type page struct {
	items     []listed
	prefixes  []string
	truncated bool
	// Where the next page goes on, set whenever anything was listed.
	nextKey, nextVersion string
}

func (p *page) size() int { return len(p.items) + len(p.prefixes) }

// list makes one page. The caller holds at least a read lock.
func (b *bucket) list(q query) (*page, error) {
	q.max = min(q.max, maxPage)
	p := &page{}
	if q.max <= 0 {
		return p, nil
	}
	if q.afterVersion != "" && q.afterVersion != nullVersion {
		if _, ok := parseVersionID(q.afterVersion); !ok {
			return nil, s3err.GetInvalidArgumentErr(s3err.InvalidArgVersionId, q.afterVersion)
		}
	}
	from := max(q.prefix, q.afterKey)
	for more := true; more; {
		more = false
		b.ascend(from, func(e *entry) bool {
			if !strings.HasPrefix(e.key, q.prefix) {
				return false
			}
			if common, ok := commonPrefix(e.key, q); ok {
				if !q.versions && e.latest().marker {
					return true // does not count until a living key shows
				}
				if common != q.afterKey {
					if p.size() == q.max {
						p.truncated = true
						return false
					}
					p.prefixes = append(p.prefixes, common)
					p.nextKey, p.nextVersion = common, ""
				}
				// One look-up instead of walking over all it stands for.
				from, more = successor(common)
				return false
			}
			return b.listKey(e, q, p)
		})
	}
	return p, nil
}

// listKey adds a key's entries to the page and tells whether to go on.
func (b *bucket) listKey(e *entry, q query, p *page) bool {
	newest := len(e.versions) - 1
	first := newest
	if e.key == q.afterKey {
		if q.afterVersion == "" {
			return true
		}
		first = e.olderThan(q.afterVersion) - 1
	}
	if !q.versions && e.latest().marker {
		return true
	}
	for i := first; i >= 0; i-- {
		if p.size() == q.max {
			p.truncated = true
			return false
		}
		v := e.versions[i]
		p.items = append(p.items, listed{e.key, v, i == newest})
		p.nextKey, p.nextVersion = e.key, v.id()
		if !q.versions {
			break
		}
	}
	return true
}

// olderThan counts the versions that are older than the one given, which may
// have been deleted since.
func (e *entry) olderThan(versionID string) int {
	seq, _ := parseVersionID(versionID)
	if versionID == nullVersion {
		seq = e.lastNull
		if i := e.index(nullVersion); i >= 0 {
			seq = e.versions[i].seq
		}
	}
	return sort.Search(len(e.versions), func(i int) bool { return e.versions[i].seq >= seq })
}

func commonPrefix(key string, q query) (string, bool) {
	if q.delimiter == "" {
		return "", false
	}
	i := strings.Index(key[len(q.prefix):], q.delimiter)
	if i < 0 {
		return "", false
	}
	return key[:len(q.prefix)+i+len(q.delimiter)], true
}

// successor is the least string greater than everything that starts with s.
func successor(s string) (string, bool) {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] < 0xff {
			return s[:i] + string([]byte{s[i] + 1}), true
		}
	}
	return "", false
}
