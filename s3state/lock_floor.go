package s3state

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cesnet/rwm/internal/s3err"
)

// LockFloor tells until when the current objects of a bucket are locked.
type LockFloor struct {
	Bucket string `json:"bucket"`
	Lock   *Lock  `json:"lock"`
	// Time is when it was proved, by the clock of the Store.
	Time time.Time `json:"time"`
	// Needed counts the current objects of the repository, Proved those whose lock was
	// read: all metadata and, unless all was asked for, a sample of 459 packs.
	Needed  int64 `json:"needed"`
	Proved  int64 `json:"proved"`
	Sampled bool  `json:"sampled"`
	// Floor is until when all that was proved is locked; zero if some is not. Lowest is
	// the object that is locked for the shortest time.
	Floor    time.Time `json:"floor,omitzero"`
	Lowest   string    `json:"lowest,omitempty"`
	Unlocked int64     `json:"unlocked"` // of Proved
	// Longer counts objects locked for more than twice as long as new ones are: on some
	// servers a host can lock its own objects for years, and nobody can remove them.
	Longer int64 `json:"longer,omitempty"`
	// Reclaim is what lifecycle will remove, and when at the earliest: what is locked
	// for longer stays longer.
	Reclaim []Reclaim `json:"reclaim,omitempty"`
}

// Reclaim is how much lifecycle will remove within a number of days.
type Reclaim struct {
	Days     int   `json:"days"`
	Versions int64 `json:"versions"`
	Bytes    int64 `json:"bytes"`
}

// FloorOptions configures LockFloor.
type FloorOptions struct {
	All     bool // reads the locks of everything needed
	OnEvent func(Event)
}

// LockFloor reads the locks of what is current in a bucket. It takes a listing, one
// request for each object that is metadata, and one for each of 459 packs. It takes the
// admin's or the keeper's credentials. In a bucket without object lock it reads none.
//
// Errors: ErrBadListing.
func (s *Store) LockFloor(ctx context.Context, bucket string, opts FloorOptions) (*LockFloor, error) {
	s = s.made()
	rep := newReporter(opts.OnEvent)
	defer rep.close()
	f := &LockFloor{Bucket: bucket, Time: s.now()}
	var err error
	if f.Lock, err = s.Lock(ctx, bucket); err != nil {
		return nil, err
	}
	due := newReclaimer(f.Lock, f.Time)
	var metadata, packs []entry
	var seen int64 // packs
	err = s.listVersions(ctx, bucket, "", rep, func(entries []Version) error {
		for i := range entries {
			v := &entries[i]
			due.take(v)
			if !v.IsLatest || v.DeleteMarker || !partOfRepository(v.Key) || !f.Lock.Enabled {
				continue
			}
			f.Needed++
			if opts.All || TypeOf(v.Key) != TypePack {
				metadata = append(metadata, entryFrom(v))
			} else if seen++; seen <= sampledPacks {
				packs = append(packs, entryFrom(v))
			} else if i := rand.Int64N(seen); i < sampledPacks {
				packs[i] = entryFrom(v)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	f.Reclaim = due.sums
	return f, f.read(ctx, s, append(metadata, packs...))
}

func (f *LockFloor) read(ctx context.Context, s *Store, sample []entry) error {
	locks := make([]retention, len(sample))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(s.parallel, 1))
	for i, o := range sample {
		g.Go(func() (err error) {
			if locks[i], err = getRetention(gctx, s.s3, f.Bucket, o.Key, o.VersionID); err != nil {
				return fmt.Errorf("read the lock of %q in bucket %s: %w", s3err.Clip(o.Key), f.Bucket, s3err.Describe(err))
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	f.Proved, f.Sampled = int64(len(sample)), int64(len(sample)) < f.Needed
	for i, has := range locks {
		until := has.locked(f.Lock.Mode)
		if !until.After(f.Time) {
			f.Unlocked++
			until = time.Time{}
		}
		if i == 0 || until.Before(f.Floor) {
			f.Floor, f.Lowest = until, sample[i].Key
		}
		if f.Lock.RetainDays > 0 && until.After(f.Time.Add(2*f.Lock.Retention())) {
			f.Longer++
		}
	}
	return nil
}

// Kept reports that every proved object is locked for as long as promised.
func (f *LockFloor) Kept() bool {
	return f.Lock != nil && f.Lock.Enabled && f.Lock.Days > 0 && !f.Floor.Before(f.Time.Add(f.Lock.Promise()))
}

// reclaimer sums up what lifecycle removes.
type reclaimer struct {
	rules  []LifecycleRule
	now    time.Time
	sums   []Reclaim
	newer  Version // the version listed before
	behind int     // how many newer ones the key has
}

func newReclaimer(l *Lock, now time.Time) *reclaimer {
	r := &reclaimer{now: now}
	for _, rule := range l.Lifecycle {
		if rule.NoncurrentDays > 0 && !rule.Narrowed {
			r.rules = append(r.rules, rule)
		}
	}
	if len(r.rules) > 0 {
		for _, days := range []int{1, 7, 30} {
			r.sums = append(r.sums, Reclaim{Days: days})
		}
	}
	return r
}

// take is given the listing, in which newer versions of a key stand before older ones.
func (r *reclaimer) take(v *Version) {
	if v.Key != r.newer.Key {
		r.behind = 0
	} else {
		r.behind++
	}
	superseded := r.newer.LastModified
	r.newer = *v
	if r.behind == 0 || v.DeleteMarker {
		return
	}
	for i := range r.rules {
		rule := &r.rules[i]
		if !rule.concerns(v.Key) || r.behind <= rule.NewerNoncurrent {
			continue
		}
		left := superseded.Add(time.Duration(rule.NoncurrentDays) * Day).Sub(r.now)
		for j := range r.sums {
			if left <= time.Duration(r.sums[j].Days)*Day {
				r.sums[j].Versions++
				r.sums[j].Bytes += v.Size
			}
		}
		return
	}
}
