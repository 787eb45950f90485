package s3state

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/cesnet/rwm/internal/objectlist"
	"github.com/cesnet/rwm/s3versions"
)

// lists are the objects of a View. No key is in two of them.
type lists []*objectlist.List

func (ls lists) Len() (n int) {
	for _, l := range ls {
		n += l.Len()
	}
	return n
}

func (ls lists) Get(key string) (objectlist.Object, bool) {
	for _, l := range ls {
		if o, ok := l.Get(key); ok {
			return o, true
		}
	}
	return objectlist.Object{}, false
}

// All iterates over the objects whose keys begin with prefix, in order.
func (ls lists) All(prefix string) iter.Seq[objectlist.Object] {
	if len(ls) == 1 {
		return ls[0].All(prefix)
	}
	return func(yield func(objectlist.Object) bool) {
		var nexts []func() (objectlist.Object, bool)
		var heads []objectlist.Object
		for _, l := range ls {
			next, stop := iter.Pull(l.All(prefix))
			defer stop()
			if o, ok := next(); ok {
				nexts, heads = append(nexts, next), append(heads, o)
			}
		}
		for len(heads) > 0 {
			first := 0
			for i := range heads {
				if heads[i].Key < heads[first].Key {
					first = i
				}
			}
			if !yield(heads[first]) {
				return
			}
			o, ok := nexts[first]()
			if heads[first] = o; !ok {
				nexts, heads = append(nexts[:first], nexts[first+1:]...), append(heads[:first], heads[first+1:]...)
			}
		}
	}
}

// mostViews bounds how many times one listing serves.
const mostViews = 8

// Views returns a bucket as of several times, at most eight, from a single listing; see
// [Store.View]. What several views share takes memory once.
func (s *Store) Views(ctx context.Context, bucket string, times []time.Time, opts ViewOptions) ([]*View, error) {
	s = s.made()
	rep := newReporter(opts.OnEvent)
	defer rep.close()
	if err := s3versions.CheckBucketName(bucket); err != nil {
		return nil, err
	}
	if len(times) > mostViews {
		return nil, fmt.Errorf("%d times are asked for, and at most %d are possible", len(times), mostViews)
	}
	c := manyChooser{views: make([]*View, len(times)), by: make(map[uint]*objectlist.List)}
	right := s.rightBytes(ctx, bucket)
	for i, at := range times {
		m := Moment{At: at}
		if err := m.check(); err != nil {
			return nil, err
		}
		c.at = append(c.at, chooser{asOf: asOf{at: at, now: at.After(s.now().Add(offAtMost))}, right: right})
		c.views[i] = &View{Bucket: bucket, Moment: m, Time: at}
		if opts.Verify { // as View does
			c.views[i].Verification = &Verification{Status: Verified, From: at, To: at}
		}
	}
	prefixes := opts.Prefixes
	if len(prefixes) == 0 {
		prefixes = []string{""}
	}
	for _, prefix := range prefixes {
		if err := s.listVersions(ctx, bucket, prefix, rep, c.take); err != nil {
			return nil, err
		}
	}
	if err := c.end(); err != nil {
		return nil, err
	}
	for i, v := range c.views {
		if v.Len() == 0 {
			return nil, noStateAt(bucket, times[i], c.first)
		}
	}
	return c.views, nil
}

// manyChooser chooses what was current at each of several times.
type manyChooser struct {
	at    []chooser
	last  string
	first time.Time // when anything was written
	views []*View
	by    map[uint]*objectlist.List // by a bit for each view that they are in
}

func (c *manyChooser) take(entries []Version) error {
	for i := range entries {
		v := &entries[i]
		if !v.DeleteMarker && (c.first.IsZero() || v.LastModified.Before(c.first)) {
			c.first = v.LastModified
		}
		if v.Key != c.last {
			if err := c.end(); err != nil {
				return err
			}
			for k := range c.at {
				c.at[k].begin()
			}
			c.last = v.Key
		}
		for k := range c.at {
			c.at[k].asOf.take(v)
		}
	}
	return nil
}

// end is called after the last entry of a key.
func (c *manyChooser) end() error {
	var chosen [mostViews]*Version
	for k := range c.at {
		var err error
		if chosen[k], err = c.at[k].choose(); err != nil {
			return err
		}
	}
	var done uint
	for k, v := range chosen[:len(c.at)] {
		if v == nil || done&(1<<k) != 0 {
			continue
		}
		in := uint(1) << k
		for later := k + 1; later < len(c.at); later++ {
			if o := chosen[later]; o != nil && o.VersionID == v.VersionID && o.LastModified.Equal(v.LastModified) {
				in |= 1 << later
			}
		}
		done |= in
		list := c.by[in]
		if list == nil {
			list = &objectlist.List{}
			c.by[in] = list
			for i, view := range c.views {
				if in&(1<<i) != 0 {
					view.objects = append(view.objects, list)
				}
			}
		}
		if err := addEntry(list, entryFrom(v)); err != nil {
			return err
		}
	}
	return nil
}
