package s3dev

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"sort"
	"strconv"
	"strings"
)

// Synthetic describes a bucket whose version listing is generated instead of
// stored: a million versions cost the server nothing. Keys look like a restic
// repository's packs ("data/3f/3f07…"). The objects can be listed but not read,
// copied or deleted version by version (501); new objects are stored as in any
// other bucket. Versioning is on.
type Synthetic struct {
	Bucket   string `json:"bucket"`
	Owner    string `json:"owner"`    // owner id; the first user's when empty
	Versions int    `json:"versions"` // entries in the version listing
	PerKey   int    `json:"per_key"`  // versions of each key, 1 when 0
	// MarkerEvery makes the newest entry of every n-th key a delete marker.
	MarkerEvery int `json:"marker_every"`
}

type synthetic struct {
	Synthetic
	keys     int
	firstSeq uint64
	modified int64
}

func newSynthetic(s Synthetic, firstSeq uint64, modified int64) (*synthetic, error) {
	if s.Versions < 0 || s.PerKey < 0 || s.MarkerEvery < 0 {
		return nil, fmt.Errorf("synthetic bucket %q: counts must not be negative", s.Bucket)
	}
	s.PerKey = max(s.PerKey, 1)
	return &synthetic{
		Synthetic: s, firstSeq: firstSeq, modified: modified,
		keys: (s.Versions + s.PerKey - 1) / s.PerKey,
	}, nil
}

// key returns the i-th key; keys ascend with i because the first 8 bytes of
// the name are i, spread evenly over the whole range.
func (s *synthetic) key(i int) string {
	hi, _ := bits.Div64(uint64(i), 0, uint64(s.keys))
	var name [32]byte
	binary.BigEndian.PutUint64(name[:], hi)
	for j, x := 8, hi; j < len(name); j += 8 {
		x = (x ^ x>>29) * scrambleB
		binary.BigEndian.PutUint64(name[j:], x+uint64(j))
	}
	return fmt.Sprintf("data/%02x/%x", name[0], name)
}

// from returns the index of the first key that is not less than key.
func (s *synthetic) from(key string) int {
	return sort.Search(s.keys, func(i int) bool { return s.key(i) >= key })
}

func (s *synthetic) entry(i int) *entry {
	n := min(s.PerKey, s.Versions-i*s.PerKey)
	e := &entry{key: s.key(i), versions: make([]*version, n)}
	for j := range n {
		seq := s.firstSeq + uint64(i*s.PerKey+j)
		v := &version{seq: seq, owner: s.Owner, modified: s.modified + int64(i+j), bodiless: true}
		if j == n-1 && s.MarkerEvery > 0 && i%s.MarkerEvery == 0 {
			v.marker = true
		} else {
			v.size = 1<<20 + int64(seq*scrambleA>>42)
			binary.BigEndian.PutUint64(v.etag[:], seq*scrambleA)
			binary.BigEndian.PutUint64(v.etag[8:], seq*scrambleB)
		}
		e.versions[j] = v
	}
	return e
}

func (s *synthetic) find(key string) *entry {
	if i := s.from(key); i < s.keys && s.key(i) == key {
		return s.entry(i)
	}
	return nil
}

// ParseSynthetic reads "BUCKET:N" or "BUCKET:N:PER_KEY".
func ParseSynthetic(text string) (Synthetic, error) {
	part := strings.Split(text, ":")
	var out Synthetic
	var err error
	if len(part) == 2 || len(part) == 3 {
		out.Bucket = part[0]
		out.Versions, err = strconv.Atoi(part[1])
		if len(part) == 3 && err == nil {
			out.PerKey, err = strconv.Atoi(part[2])
		}
	}
	if out.Bucket == "" || err != nil {
		return out, fmt.Errorf("synthetic bucket %q: want BUCKET:N or BUCKET:N:PER_KEY", text)
	}
	return out, nil
}
