package s3versions

import (
	"context"
	"strconv"
	"strings"
	"sync"
)

// list passes every version and delete marker of a bucket to emit, a page at a time, in
// the order of a serial listing.
//
// A bucket larger than one page is listed in parallel, by ranges of keys that together
// cover the whole key space: restic's data/ by the digits its names begin with, and
// everything between and around those, whatever its name. How finely data/ is divided
// only decides how fast the listing is.
func (c *Client) list(ctx context.Context, bucket, prefix string, emit func([]Version) error) error {
	deliver := func(entries []Version) error {
		if len(entries) == 0 {
			return nil
		}
		return emit(entries)
	}
	l := c.newLister(bucket, keyRange{prefix: prefix})
	entries, err := l.next(ctx)
	if err != nil {
		return err
	}
	if err := deliver(entries); err != nil || l.done {
		return err
	}
	if prefix != "" || c.parallel == 1 {
		for !l.done {
			if entries, err = l.next(ctx); err != nil {
				return err
			}
			if err := deliver(entries); err != nil {
				return err
			}
		}
		return nil
	}
	digits, depth := cut(l.key)
	return c.listRanges(ctx, bucket, rangesAfter(ranges(digits), l.key, l.ver), depth, deliver)
}

// cut chooses by how many hex digits data/ is divided, and how many pages of a
// range may wait for their turn, from how far the first page got. A range
// should not have more pages than may wait, or the ranges behind it stall.
func cut(lastKey string) (digits, depth int) {
	entries := 500_000.0 // unknown
	if name, ok := strings.CutPrefix(lastKey, "data/"); ok && len(name) >= 7 {
		if n, err := strconv.ParseUint(name[3:7], 16, 32); err == nil && n > 0 {
			entries = pageSize * 65536 / float64(n)
		}
	}
	switch {
	case entries <= 120_000:
		return 1, 9
	case entries <= 1_500_000:
		return 2, 6
	default:
		return 3, 4
	}
}

const hexDigits = "0123456789abcdef"

// rangeBuilder puts ranges together that follow each other without a gap.
type rangeBuilder struct {
	rs         []keyRange
	at, marker string // what is covered so far ends before at
}

// add covers the keys with a prefix, and those before it.
func (b *rangeBuilder) add(prefix string) {
	if b.at < prefix {
		b.rs = append(b.rs, keyRange{start: b.at, end: prefix, after: b.marker, probe: b.at != ""})
	}
	end := prefixEnd(prefix)
	b.rs = append(b.rs, keyRange{prefix: prefix, start: prefix, end: end})
	// Where keys with this prefix end is no key; the listing of what
	// follows begins a little before and drops what belongs here.
	b.at, b.marker = end, prefix+"~"
}

// ranges divides the key space: consecutive, without overlap, from the first
// possible key to the last.
func ranges(digits int) []keyRange {
	var b rangeBuilder
	for i := range hexDigits {
		switch digits {
		case 1:
			b.add("data/" + hexDigits[i:i+1])
		default:
			for j := range hexDigits {
				dir := hexDigits[i:i+1] + hexDigits[j:j+1]
				if digits == 2 {
					b.add("data/" + dir)
					continue
				}
				for k := range hexDigits {
					b.add("data/" + dir + "/" + dir + hexDigits[k:k+1])
				}
			}
		}
	}
	for _, to := range []string{"locks/", "snapshots/"} {
		b.rs = append(b.rs, keyRange{start: b.at, end: to, after: b.marker})
		b.at, b.marker = to, strings.TrimSuffix(to, "/")+"."
	}
	return append(b.rs, keyRange{start: b.at, after: b.marker})
}

// subranges divides the rest of a range whose first page ended at key, if it is large:
// years of snapshots, indexes or locks. Otherwise it returns nil.
func subranges(r keyRange, key, version string) []keyRange {
	dir, name, _ := strings.Cut(key, "/")
	if dir += "/"; r.prefix != "" || dir != "index/" && dir != "locks/" && dir != "snapshots/" || len(name) < 2 {
		return nil
	}
	// IDs are spread evenly, so this one tells how far the page got.
	if n, err := strconv.ParseUint(name[:2], 16, 8); err != nil || n >= 64 {
		return nil
	}
	b := rangeBuilder{at: r.start, marker: r.after}
	for i := range hexDigits {
		b.add(dir + hexDigits[i:i+1])
	}
	return rangesAfter(append(b.rs, keyRange{start: b.at, end: r.end, after: b.marker}), key, version)
}

// prefixEnd is the first string after all strings with an ASCII prefix.
func prefixEnd(prefix string) string {
	return prefix[:len(prefix)-1] + string(prefix[len(prefix)-1]+1)
}

// rangesAfter keeps what a listing up to key and version has not seen yet.
func rangesAfter(rs []keyRange, key, version string) []keyRange {
	for i := range rs {
		if rs[i].end == "" || rs[i].end > key {
			rs = rs[i:]
			break
		}
	}
	if rs[0].start <= key {
		rs[0].after, rs[0].afterVersion, rs[0].probe = key, version, false
	}
	return rs
}

// listWorkers bounds how many ranges are listed at once: more gain little, because the
// reader of the pages has to keep up, and each holds pages in memory.
const listWorkers = 16

// listRanges lists the ranges in parallel and delivers their pages in order.
func (c *Client) listRanges(ctx context.Context, bucket string, rs []keyRange, depth int, deliver func([]Version) error) error {
	ctx, cancel := context.WithCancel(ctx)
	type result struct {
		entries []Version
		err     error
	}
	workers := min(c.parallel, listWorkers)
	out := make([]chan result, len(rs))
	for i := range out {
		out[i] = make(chan result, depth)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()

	// Ranges are begun in order, and only a few ahead of the one whose turn it
	// is, so that what waits in memory is bounded.
	turn := make(chan int)
	ahead := make(chan struct{}, workers+workers/2)
	wg.Add(1)
	go func() {
		defer wg.Done()
		defer close(turn)
		for i := range rs {
			select {
			case ahead <- struct{}{}:
			case <-ctx.Done():
				return
			}
			select {
			case turn <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	for range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range turn {
				err := c.listRange(ctx, bucket, rs[i], depth, func(entries []Version) error {
					select {
					case out[i] <- result{entries, nil}:
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				})
				if err != nil {
					select {
					case out[i] <- result{nil, err}:
					case <-ctx.Done():
					}
					return
				}
				close(out[i])
			}
		}()
	}
	for i := range rs {
	pages:
		for {
			select {
			case r, ok := <-out[i]:
				if !ok {
					break pages
				}
				if r.err != nil {
					return r.err
				}
				if err := deliver(r.entries); err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		out[i] = nil
		<-ahead
	}
	return nil
}

// listRange lists one range. Of a large one the rest is divided.
func (c *Client) listRange(ctx context.Context, bucket string, r keyRange, depth int, deliver func([]Version) error) error {
	l := c.newLister(bucket, r)
	for first := true; !l.done; first = false {
		entries, err := l.next(ctx)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			continue
		}
		if err := deliver(entries); err != nil {
			return err
		}
		if l.done || !first {
			continue
		}
		if rest := subranges(r, l.key, l.ver); rest != nil {
			return c.listRanges(ctx, bucket, rest, depth, deliver)
		}
	}
	return nil
}
