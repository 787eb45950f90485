package s3state

import (
	"time"

	"github.com/cesnet/rwm/internal/objectlist"
)

// chooser passes to add what was current at a time, key by key of a listing.
type chooser struct {
	asOf
	last  string // key
	add   func(*Version) error
	count int64 // given
	// right reports whether the bytes of a version match its name; nil reads nothing.
	right func(*Version) (bool, error)
}

// take takes the next entries of the listing.
func (c *chooser) take(entries []Version) error {
	for i := range entries {
		v := &entries[i]
		if v.Key != c.last {
			if err := c.end(); err != nil {
				return err
			}
			c.begin()
			c.last = v.Key
		}
		c.asOf.take(v)
	}
	return nil
}

// end is called after the last entry.
func (c *chooser) end() error {
	v, err := c.choose()
	if v == nil || err != nil {
		return err
	}
	c.count++
	return c.add(v)
}

// choose returns what was current of the key whose entries were taken, nil if nothing
// was.
func (c *chooser) choose() (*Version, error) {
	v := c.object()
	if v == nil {
		return nil, nil
	}
	// The name of an object of restic stands for the same bytes at any time: a version
	// that has them is as good as the one that was current, and better if that one was
	// damaged.
	for i := range c.passed {
		if c.right == nil {
			break
		}
		right, err := c.right(&c.passed[i])
		if err != nil {
			return nil, err
		}
		if right {
			return &c.passed[i], nil
		}
	}
	return v, nil
}

// endOfTime is later than anything a server records.
var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// newestView makes the View of the last moment of a listing while the listing is read
// for something else. A proof of that moment then needs no listing of its own.
type newestView struct {
	chooser
	objects *objectlist.List
	since   time.Time // from then on the view does not change
	above   Version   // the entry before
}

func newNewestView(right func(*Version) (bool, error)) *newestView {
	n := &newestView{objects: &objectlist.List{}}
	n.chooser = chooser{asOf: asOf{at: endOfTime}, add: addTo(n.objects), right: right}
	return n
}

func (n *newestView) take(entries []Version) error {
	for i := range entries {
		v := &entries[i]
		if v.LastModified.After(n.since) {
			n.since = v.LastModified
		}
		// A version that may be later than its date matters only if there is an older
		// one to choose.
		if at, known := latest(&n.above); known && n.above.Key == v.Key && at.After(n.since) {
			n.since = at
		}
		n.above = *v
	}
	return n.chooser.take(entries)
}

// at is the View of a time, nil if it is not the same as that of the last moment. now
// is the machine's time.
func (n *newestView) at(bucket string, at, now time.Time) *View {
	if n == nil || n.objects.Len() == 0 || at.Before(n.since) || at.After(now.Add(offAtMost)) {
		return nil
	}
	return &View{Bucket: bucket, Moment: Moment{At: at}, Time: at, objects: lists{n.objects}}
}
