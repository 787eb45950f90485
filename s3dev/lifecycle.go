package s3dev

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/s3err"
)

// LifecycleEvent is one thing that lifecycle did.
type LifecycleEvent struct {
	Time      time.Time `json:"time"` // of the server's clock at which it was due
	Bucket    string    `json:"bucket"`
	Key       string    `json:"key"`
	VersionID string    `json:"version_id,omitempty"`
	// What is "version" or "marker" for one removed, "expired" for a delete
	// marker put on (or, without versioning, an object removed), "upload" for
	// one aborted.
	What string `json:"what"`
	Rule string `json:"rule,omitempty"` // its ID
}

// rule is a lifecycle rule that is enabled.
type rule struct {
	id, prefix          string
	tags                map[string]string
	larger, smaller     int64 // 0 is no bound
	days                int   // 0 is none, here and below
	date                time.Time
	loneMarkers         bool
	noncurrentDays      int
	newerNoncurrent     int
	abortDays           int
	expires, noncurrent bool
}

type tagXML struct{ Key, Value string }

type filterXML struct {
	Prefix                                    *string
	Tag                                       []tagXML
	ObjectSizeGreaterThan, ObjectSizeLessThan int64
	And                                       *filterXML
}

// parseLifecycle reads and checks a lifecycle configuration.
func parseLifecycle(data []byte) ([]rule, error) {
	type ruleXML struct {
		ID, Status string
		Prefix     *string
		Filter     *filterXML
		Expiration *struct {
			Days                      *int
			Date                      *time.Time
			ExpiredObjectDeleteMarker *bool
		}
		NoncurrentVersionExpiration *struct {
			NoncurrentDays          *int
			NewerNoncurrentVersions *int
		}
		AbortIncompleteMultipartUpload          *struct{ DaysAfterInitiation *int }
		Transition, NoncurrentVersionTransition []struct{}
	}
	var in struct{ Rule []ruleXML }
	if err := unmarshalXML(data, &in); err != nil {
		return nil, err
	}
	malformed := s3err.GetAPIError(s3err.ErrMalformedXML)
	if len(in.Rule) == 0 || len(in.Rule) > 1000 {
		return nil, malformed
	}
	var out []rule
	for _, x := range in.Rule {
		r := rule{id: x.ID}
		if x.Status != "Enabled" && x.Status != "Disabled" {
			return nil, malformed
		}
		if x.Prefix != nil {
			r.prefix = *x.Prefix
		}
		if x.Filter != nil {
			f := *x.Filter
			if f.And != nil {
				f = *f.And
			}
			if f.Prefix != nil {
				r.prefix = *f.Prefix
			}
			r.larger, r.smaller = f.ObjectSizeGreaterThan, f.ObjectSizeLessThan
			for _, t := range f.Tag {
				if r.tags == nil {
					r.tags = map[string]string{}
				}
				r.tags[t.Key] = t.Value
			}
		}
		positive := func(n *int) int {
			if n == nil {
				return 0
			}
			if *n <= 0 {
				return -1
			}
			return *n
		}
		if e := x.Expiration; e != nil {
			r.days, r.expires = positive(e.Days), true
			given := 0
			if e.Days != nil {
				given++
			}
			if e.Date != nil {
				given++
				r.date = *e.Date
			}
			if e.ExpiredObjectDeleteMarker != nil {
				given++
				r.loneMarkers = *e.ExpiredObjectDeleteMarker
			}
			if given != 1 || r.loneMarkers && r.tags != nil {
				return nil, malformed
			}
		}
		if n := x.NoncurrentVersionExpiration; n != nil {
			if n.NoncurrentDays == nil {
				return nil, malformed
			}
			r.noncurrent = true
			r.noncurrentDays, r.newerNoncurrent = positive(n.NoncurrentDays), positive(n.NewerNoncurrentVersions)
		}
		if a := x.AbortIncompleteMultipartUpload; a != nil {
			if r.abortDays = positive(a.DaysAfterInitiation); r.abortDays == 0 {
				return nil, malformed
			}
		}
		if r.days < 0 || r.noncurrentDays < 0 || r.newerNoncurrent < 0 || r.abortDays < 0 {
			return nil, s3Error(400, "InvalidArgument", "A number of days or versions must be positive.")
		}
		if !r.expires && !r.noncurrent && r.abortDays == 0 && len(x.Transition) == 0 && len(x.NoncurrentVersionTransition) == 0 {
			return nil, malformed
		}
		if x.Status == "Enabled" {
			out = append(out, r)
		}
	}
	return out, nil
}

// lifecycle serves the configuration.
func (m *memory) lifecycle(q *caller) error {
	if m.traits.NoLifecycle {
		return s3err.GetAPIError(s3err.ErrNotImplemented)
	}
	return m.stored(q, "NoSuchLifecycleConfiguration",
		func(s *settings) *[]byte { return &s.lifecycle },
		func(b *bucket, data []byte) (err error) {
			b.rules = nil
			if data != nil {
				b.rules, err = parseLifecycle(data)
			}
			return err
		})
}

// lifecycleLog keeps what lifecycle did and when it last ran.
type lifecycleLog struct {
	mu     sync.Mutex
	last   time.Time
	events []LifecycleEvent
}

// maxEvents bounds the log.
const maxEvents = 1_000_000

func midnightAfter(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, time.UTC)
}

// tick runs lifecycle for every midnight (UTC) that the clock has passed since
// the last one, as if the server had been idle in between.
func (m *memory) tick() {
	now := m.clock.Now()
	l := &m.expiry
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last.IsZero() || now.Before(l.last) {
		l.last = now
		return
	}
	due := midnightAfter(l.last)
	if due.After(now) {
		return
	}
	for _, b := range m.withRules() {
		// A pass tells when the next one can find anything.
		for at := due; !at.After(now); {
			next := m.pass(b, at)
			at = at.AddDate(0, 0, 1)
			if next.IsZero() {
				break
			}
			if at.Before(next) {
				at = midnightAfter(next.Add(-1))
			}
		}
	}
	l.last = now
}

// run is a pass over all buckets at the present moment.
func (m *memory) run() []LifecycleEvent {
	m.expiry.mu.Lock()
	defer m.expiry.mu.Unlock()
	from := len(m.expiry.events)
	for _, b := range m.withRules() {
		m.pass(b, m.clock.Now())
	}
	return slices.Clone(m.expiry.events[min(from, len(m.expiry.events)):])
}

// withRules are the buckets with lifecycle rules, by name.
func (m *memory) withRules() (out []*bucket) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, b := range m.buckets {
		b.mu.RLock()
		if len(b.rules) > 0 {
			out = append(out, b)
		}
		b.mu.RUnlock()
	}
	slices.SortFunc(out, func(x, y *bucket) int { return strings.Compare(x.name, y.name) })
	return out
}

// pass applies the bucket's rules as they stand at a moment, and returns the
// earliest one at which a further pass could do more; zero for never.
func (m *memory) pass(b *bucket, at time.Time) (next time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := &lifecyclePass{m: m, b: b, at: at}
	expires := slices.ContainsFunc(b.rules, func(r rule) bool { return r.days > 0 || !r.date.IsZero() })
	var keys []string
	b.tree.Scan(func(e *entry) bool {
		// Most keys have one version, which only an expiry is about.
		if expires || len(e.versions) > 1 || e.latest().marker {
			keys = append(keys, e.key)
		}
		return true
	})
	for _, key := range keys {
		for i := range b.rules {
			if r := &b.rules[i]; strings.HasPrefix(key, r.prefix) {
				p.key(r, key)
			}
		}
	}
	for _, id := range sortedKeys(b.uploads) {
		u := b.uploads[id]
		for i := range b.rules {
			r := &b.rules[i]
			if r.abortDays == 0 || r.tags != nil || !strings.HasPrefix(u.key, r.prefix) || b.uploads[id] == nil {
				continue
			}
			if p.due(u.initiated.AddDate(0, 0, r.abortDays)) {
				delete(b.uploads, id)
				p.log(r, u.key, id, "upload")
			}
		}
	}
	return p.next
}

func sortedKeys[V any](in map[string]V) []string {
	out := make([]string, 0, len(in))
	for k := range in {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// holdOf is what HEAD says of a legal hold.
func holdOf(x *extras) types.ObjectLockLegalHoldStatus {
	if x == nil || x.legalHold == nil {
		return ""
	}
	return holdStatus(*x.legalHold)
}
