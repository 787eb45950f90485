package s3state

import (
	"fmt"
	"strings"
	"testing"
)

// A lock that claims to be older than what its host had written before it is an old one
// whose bytes were written again, where its first version may be gone.
func TestLockWrittenAgainWithoutATrace(t *testing.T) {
	const day = 24 * 3600
	for _, c := range []struct {
		name   string
		rules  []lockRule
		since  int
		claim  int // of the lock at day 10
		host   string
		before int // what one claims that was written before it
		found  bool
	}{
		{"an old one", []lockRule{{1, at(11 * day)}}, 0, 2 * day, "h", 9 * day, true},
		{"one from before a drop", nil, 5 * day, 2 * day, "h", 9 * day, true},
		{"its first version would be there", nil, 1 * day, 2 * day, "h", 9 * day, false},
		{"a host whose clock is wrong", []lockRule{{1, at(11 * day)}}, 5 * day, -8 * day, "h", -9 * day, false},
		{"a clock that was put back", []lockRule{{1, at(11 * day)}}, 5 * day, 9*day - 3600, "h", 9 * day, false},
		{"another host", []lockRule{{1, at(11 * day)}}, 0, 2 * day, "other", 9 * day, false},
		{"one before it came from the future", []lockRule{{1, at(11 * day)}}, 0, 10 * day, "h", 900 * day, false},
		{"a right one", []lockRule{{1, at(11 * day)}}, 5 * day, 10 * day, "h", 9 * day, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newTimeline("b")
			h.first = at(-1)
			e := &h.evidence
			e.first, e.rules, e.asked = at(-1), c.rules, true
			if c.since > 0 {
				e.since = at(c.since)
			}
			e.held(9*day, 9*day+100)
			e.held(10*day, 10*day+100)
			for i, claim := range []*LockClaim{{at(c.before), "h"}, {at(c.claim), c.host}} {
				e.locks[i].claim, e.locks[i].v = claim, lockVersion((9+i)*day)
			}
			e.gone(TypeSnapshot, 9*day+50)
			e.gone(TypeSnapshot, 10*day+50)
			r := &reading{h: h, could: true}
			if err := r.judgeLocks(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			h.sum()
			if found := h.res.Total == 1 && h.res.TotalNotes == 1; found != c.found || !found && h.res.Total+h.res.TotalNotes > 0 {
				t.Errorf("%+v, noted %+v", h.res.Suspicions, h.res.Notes)
			}
		})
	}
}

// A lock above the delete marker of one that is gone was written again: restic gives
// every lock a new name. It explains nothing, and is noted.
func TestLockWrittenOverAMarker(t *testing.T) {
	for _, c := range []struct {
		name    string
		entries []Version // of the lock, the newest first, but for the key
		found   bool
	}{
		{"over a marker", []Version{{VersionID: "2", IsLatest: true}, {VersionID: "1", DeleteMarker: true}}, true},
		{"over two", []Version{{VersionID: "3", IsLatest: true}, {VersionID: "2", DeleteMarker: true}, {VersionID: "1", DeleteMarker: true}}, true},
		{"and removed again", []Version{{VersionID: "3", IsLatest: true, DeleteMarker: true}, {VersionID: "2"}, {VersionID: "1", DeleteMarker: true}}, true},
		{"a new one", []Version{{VersionID: "2", IsLatest: true}}, false},
		{"a new one, removed", []Version{{VersionID: "3", IsLatest: true, DeleteMarker: true}, {VersionID: "2"}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newTimeline("b")
			h.take([]Version{{Key: "config", VersionID: "1", IsLatest: true, Size: 155, ETag: "c", LastModified: at(0)}})
			times := map[string]int{"1": 100, "2": 90_000, "3": 90_200}
			for i := range c.entries {
				v := &c.entries[i]
				v.Key, v.LastModified = fmt.Sprintf("locks/%064x", 1), at(times[v.VersionID])
				if !v.DeleteMarker {
					v.Size, v.ETag = 150, "e"
				}
			}
			h.take(c.entries)
			for i, gone := range []int{50, 90_200} {
				key := fmt.Sprintf("snapshots/%064x", i)
				h.take([]Version{
					{Key: key, VersionID: "m", IsLatest: true, DeleteMarker: true, LastModified: at(gone)},
					{Key: key, VersionID: "v", Size: 200, ETag: "e", LastModified: at(10)},
				})
			}
			h.take([]Version{{Key: fmt.Sprintf("snapshots/%064x", 9), VersionID: "v", IsLatest: true, Size: 200, ETag: "e", LastModified: at(10)}})
			h.end(defaultGap)
			var marked bool
			for _, s := range h.res.Suspicions {
				marked = marked || s.Time.Equal(at(90_200))
			}
			noted := strings.Contains(fmt.Sprint(h.res.Notes), "written again")
			if marked != c.found || noted != c.found {
				t.Errorf("%+v, noted %+v", h.res.Suspicions, h.res.Notes)
			}
		})
	}
}

// A lock that was uploaded in parts may have been completed long after its date, to
// explain what was deleted in between. restic uploads none in parts.
func TestLockUploadedInParts(t *testing.T) {
	for etag, found := range map[string]int{"e-1": 1, "e": 0} {
		e := lockEvidence{tail: -1, first: at(-5000)}
		e.lock(&Version{Key: "lock", LastModified: at(0), Size: 150, ETag: etag}, nil)
		e.gone(TypeSnapshot, 600)
		if got := e.unlocked(); len(got) != found {
			t.Errorf("%s: %+v", etag, got)
		}
	}
}
