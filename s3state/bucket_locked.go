package s3state

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cesnet/rwm/s3versions"
)

// ErrLocked means that object lock keeps versions from being removed.
var ErrLocked = errors.New("object lock keeps versions from being removed")

// LockedError says when locked versions can be removed. It is an ErrLocked.
type LockedError struct {
	Bucket         string
	Key, VersionID string // one that is locked, the longest of those that were looked at
	// Until is when the last lock that was found ends; zero if only a legal hold, which
	// has no end, keeps a version.
	Until time.Time
	Hold  bool // the version has a legal hold
}

func (e *LockedError) Error() string {
	text := fmt.Sprintf("bucket %s: %v: %q version %s", e.Bucket, ErrLocked, e.Key, e.VersionID)
	if e.Hold {
		text += " has a legal hold, which has to be released first"
	}
	if !e.Until.IsZero() {
		text += fmt.Sprintf(" is locked; it will be possible after %s", e.Until.UTC().Format("2006-01-02 15:04:05 MST"))
	}
	return text + "; nothing was changed"
}

func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// refuseLocked returns a *LockedError if one of the versions that each gives is locked.
// It is called before anything of a bucket is removed. Without object lock it costs one
// request and does not call each. With it, it reads the locks of the newest versions
// first and, if none of them is locked, those of all others.
func (s *Store) refuseLocked(ctx context.Context, bucket string, each func(concerned func(Version) error) error) error {
	var lock Lock
	if err := s.readDefaultRetention(ctx, bucket, &lock); err != nil || !lock.Enabled {
		return err
	}
	const newest = 1000
	var sample []Version
	var all manifest
	defer all.close()
	var last time.Time
	err := each(func(v Version) error {
		if v.DeleteMarker {
			return nil
		}
		if v.LastModified.After(last) {
			last = v.LastModified
		}
		if sample = append(sample, v); len(sample) >= 2*newest {
			sample = newestOf(sample, newest)
		}
		return all.add(entryFrom(&v))
	})
	if err != nil {
		return err
	}
	look := func(versions []entry) error {
		locked, err := s.lockedOf(ctx, bucket, versions)
		if err != nil || locked == nil {
			return err
		}
		// Every version was locked for this long when it was written.
		if end := last.Add(lock.Retention()); lock.RetainDays > 0 && !locked.Until.IsZero() && end.After(locked.Until) {
			locked.Until = end
		}
		return locked
	}
	var some []entry
	for i := range newestOf(sample, newest) {
		some = append(some, entryFrom(&sample[i]))
	}
	if err := look(some); err != nil {
		return err
	}
	if all.count <= newest {
		return nil
	}
	some = some[:0]
	err = all.each(func(o entry) error {
		if some = append(some, o); len(some) < newest {
			return nil
		}
		err := look(some)
		some = some[:0]
		return err
	})
	if err != nil {
		return err
	}
	return look(some)
}

// earliestNow is the time by this machine's clock or the server's, the earlier one.
func (s *Store) earliestNow(ctx context.Context, bucket string) time.Time {
	now := time.Now()
	resp, err := s.s3.Send(ctx, s3versions.Request{Method: http.MethodHead, Bucket: bucket})
	if err != nil {
		return now
	}
	resp.Body.Close()
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil && at.Before(now) {
		return at
	}
	return now
}

// newestOf sorts versions, the newest first, and returns the first n.
func newestOf(versions []Version, n int) []Version {
	slices.SortFunc(versions, func(a, b Version) int {
		return cmp.Or(b.LastModified.Compare(a.LastModified), cmp.Compare(a.Key, b.Key))
	})
	return versions[:min(n, len(versions))]
}

// lockedOf returns the version that is locked the longest, nil if none is.
func (s *Store) lockedOf(ctx context.Context, bucket string, versions []entry) (*LockedError, error) {
	found := make([]retention, len(versions))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(min(s.parallel, 16))
	for i := range versions {
		g.Go(func() (err error) {
			found[i], err = getRetention(gctx, s.s3, bucket, versions[i].Key, versions[i].VersionID)
			if refusedAlone(err) {
				err = nil // encrypted with another key, or gone
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var locked *LockedError
	now := s.earliestNow(ctx, bucket)
	for i, r := range found {
		if !r.hold && !r.until.After(now) {
			continue
		}
		if locked == nil {
			locked = &LockedError{Bucket: bucket}
		}
		if locked.Key == "" || r.until.After(locked.Until) || r.hold && !locked.Hold {
			locked.Key, locked.VersionID, locked.Hold = versions[i].Key, versions[i].VersionID, locked.Hold || r.hold
		}
		if r.until.After(locked.Until) {
			locked.Until = r.until
		}
	}
	return locked, nil
}
