package s3state

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
)

// A listing is not taken at one moment: while it runs, others write. So a state is
// listed in the direction of restic's references. A snapshot names trees that the
// indexes find in packs; restic writes packs first, then indexes, then the snapshot,
// and removes the other way round. The snapshots are listed first, then the indexes,
// then everything; whatever came to the first two afterwards is not in the state.
// Snapshots that are gone when the indexes have been listed are not in it, either. If
// by the end an index is gone that is in it, packs may be gone, too, and the capture is
// begun again.

// referring are the prefixes of what refers to what is listed later, in order.
var referring = []string{"snapshots/", "index/"}

// ErrChanging means that a bucket did not stay unchanged long enough to capture its
// state.
var ErrChanging = errors.New("the bucket changes too fast")

// errAgain says why a capture has to start again.
type errAgain struct{ why string }

func (e *errAgain) Error() string { return e.why }

const captureTries = 5

// moment holds which versions of referring objects were current when a capture began.
type moment struct {
	current map[string]string // version IDs by key

	key    string
	wanted string // the version of key that was current, "" for none
	found  bool   // what was current has been reached
}

// firstListed lists what refers to other objects.
func (s *Store) firstListed(ctx context.Context, bucket string, rep *reporter) (*moment, error) {
	m := &moment{current: make(map[string]string)}
	for _, prefix := range referring {
		err := s.listVersions(ctx, bucket, prefix, rep, func(entries []Version) error {
			for i := range entries {
				if v := &entries[i]; v.IsLatest && !v.DeleteMarker {
					m.current[v.Key] = v.VersionID
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return m, m.leaveOut(ctx, s, bucket, rep)
}

// leaveOut leaves out the snapshots that were removed before the indexes were listed: a
// prune may have followed by then, and the indexes no longer name what it removed.
func (m *moment) leaveOut(ctx context.Context, s *Store, bucket string, rep *reporter) error {
	still := make(map[string]bool)
	err := s.listVersions(ctx, bucket, referring[0], rep, func(entries []Version) error {
		for i := range entries {
			if v := &entries[i]; v.IsLatest && m.current[v.Key] == v.VersionID {
				still[v.Key] = true
			}
		}
		return nil
	})
	maps.DeleteFunc(m.current, func(key, _ string) bool { return strings.HasPrefix(key, referring[0]) && !still[key] })
	return err
}

// at says whether an entry of the listing was there when the capture began, and sets
// IsLatest to what it was then. The entries of a key come the newest first.
func (m *moment) at(v *Version) bool {
	if !strings.HasPrefix(v.Key, referring[0]) && !strings.HasPrefix(v.Key, referring[1]) {
		return true
	}
	if v.Key != m.key {
		m.key, m.found = v.Key, false
		m.wanted = m.current[v.Key]
	}
	if m.found {
		v.IsLatest = false
		return true
	}
	// A key that was not there had at most a delete marker.
	if m.wanted != "" && v.VersionID != m.wanted || m.wanted == "" && !v.DeleteMarker {
		return false
	}
	m.found, v.IsLatest = true, true
	return true
}

// stillThere lists the indexes again: none that the state names may be gone.
func (m *moment) stillThere(ctx context.Context, s *Store, bucket string, rep *reporter) error {
	const prefix = "index/"
	left := make(map[string]string)
	for key, version := range m.current {
		if strings.HasPrefix(key, prefix) {
			left[key] = version
		}
	}
	if len(left) == 0 {
		return nil
	}
	err := s.listVersions(ctx, bucket, prefix, rep, func(entries []Version) error {
		for i := range entries {
			if v := &entries[i]; v.IsLatest && left[v.Key] == v.VersionID {
				delete(left, v.Key)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for key := range left {
		return &errAgain{fmt.Sprintf("index %q was removed meanwhile", s3err.Clip(key))}
	}
	return nil
}

// stopwatch measures time that also passes while the machine is suspended.
type stopwatch struct {
	now   func() time.Time
	begun time.Time
}

func (s *Store) stopwatch() stopwatch { return stopwatch{s.now, s.now()} }

func (w stopwatch) elapsed() time.Duration {
	now := w.now()
	return max(now.Sub(w.begun), now.Round(0).Sub(w.begun.Round(0)), 0)
}

// tooLate returns an error if a state with this many objects would reach the server too
// late to be verified.
func (w stopwatch) tooLate(objects int64) error {
	if took := w.elapsed(); took > captureWindow(objects)-time.Minute {
		return &errAgain{fmt.Sprintf("it took %s, more than a state may be old when it is saved", took.Round(time.Second))}
	}
	return nil
}
