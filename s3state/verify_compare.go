package s3state

import (
	"fmt"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// A state must reach the server within this time after its capture began: some minutes
// and a bit for each object. What changed in between may be in the state or not, so
// this bounds what a forged state can hide. Only objects count, which must be in the
// bucket; old versions and markers could be made up. Save begins again rather than be
// late.
const (
	plainWindow = 5 * time.Minute
	entryWindow = time.Millisecond
	mostWindow  = 30 * time.Minute
)

// captureWindow returns how long before it was saved a state with this many objects may
// have been begun.
func captureWindow(objects int64) time.Duration {
	return min(plainWindow+time.Duration(min(objects, 1<<40))*entryWindow, mostWindow)
}

// spreadSlack is how far the times of a server may be apart although they belong
// together: some servers cut them to seconds, and gateways have clocks of their own.
const spreadSlack = 5 * time.Second

// verifier compares a manifest with the version listing as it comes: both are in
// the order of keys, so neither is held.
type verifier struct {
	res     Verification
	explain explainer
	gone    []entry // saved states
	forged  bool    // a version is there, but not as the state says
	walk    *walk
	from    time.Time
	to      time.Time
	begun   bool
	key     string // being looked at
	want    *entry
	found   bool
	ok      bool // want was current at some moment between from and to
	settled bool // an entry older than from has been seen
	absent  bool // the key may have been absent at such a moment
	present bool // an object version is known from that time
	why     string

	// A state is taken between a begin and an end, by its own account no longer than
	// took apart. What it names must have been there at some moment between them, and
	// what it leaves out must have been absent.
	took  time.Duration
	begin event // at the latest
	last  event // at the earliest, the end
	above Version
	lives []life

	// What was written to the key after the state was saved.
	newer    int
	replaced time.Time // by the oldest
}

// event is something that happened to a key.
type event struct {
	at  time.Time
	key string
}

// life is a time within the window in which a key held an object.
type life struct{ from, to time.Time }

// newVerifier begins to compare the manifest of a saved state.
func newVerifier(p *manifest, st *SavedState, explain explainer) (*verifier, error) {
	window, saved := captureWindow(p.count), st.Time
	took := max(p.header.TimeEnd.Sub(p.header.TimeStart), 0)
	// Servers that give whole seconds round down.
	v := &verifier{explain: explain, from: saved.Add(-window), to: saved.Add(time.Second), took: min(took, window)}
	if c := p.contradiction; c != nil {
		v.differs(c.Key, c.VersionID, "%s", c.Reason)
	}
	v.res.From, v.res.To = v.from, v.to
	var err error
	v.walk, err = newWalk(p, func(o entry) error {
		v.lost(&o, "the bucket has no version of this key", time.Time{}, 0)
		return nil
	})
	return v, err
}

// take compares the next entries of the listing.
func (v *verifier) take(entries []Version) error {
	for i := range entries {
		e := &entries[i]
		if !v.begun || e.Key != v.key {
			if v.begun {
				v.endKey()
			}
			v.begun = true
			if err := v.beginKey(e.Key); err != nil {
				return err
			}
		}
		v.entry(e)
	}
	return nil
}

// end is called after the last entry.
func (v *verifier) end() (*Verification, error) {
	if v.begun {
		v.endKey()
	}
	v.endSpread()
	if err := v.walk.end(); err != nil {
		return nil, err
	}
	switch {
	case v.res.Total > 0 || v.forged:
		v.res.Status = Differs
	case v.res.TotalMissing > v.res.Reclaimed:
		v.res.Status = Unverifiable
	case v.res.TotalMissing > 0:
		v.res.Status = Reclaimed
	default:
		v.res.Status = Verified
	}
	return &v.res, nil
}

// What a forged state can make the verifier remember is bounded.
const (
	maxStatesGone   = 20_000
	longestStateKey = 128 // twice what RWM gives one
)

func (v *verifier) missing(o *entry, reason string) {
	if isState(&Version{Key: o.Key}) && len(o.Key) <= longestStateKey && v.res.StatesGone < maxStatesGone {
		v.res.StatesGone++
		v.gone = append(v.gone, entry{Key: o.Key, Size: o.Size})
		return
	}
	v.res.TotalMissing++
	if len(v.res.Missing) < maxListed {
		v.res.Missing = append(v.res.Missing, MissingVersion{o.Key, o.VersionID, reason})
	}
}

// lost records an entry that the bucket no longer has. The bucket's own lifecycle rule
// may have removed it.
func (v *verifier) lost(o *entry, reason string, replaced time.Time, newer int) {
	if !isState(&Version{Key: o.Key}) {
		if why, ok := v.explain(o, replaced, newer); ok {
			v.res.Reclaimed++
			reason = why
		}
	}
	v.missing(o, reason)
}

func (v *verifier) differs(key, version, format string, args ...any) {
	v.res.Total++
	if len(v.res.Differences) < maxListed {
		v.res.Differences = append(v.res.Differences, Difference{key, version, fmt.Sprintf(format, args...)})
	}
}

func (v *verifier) beginKey(key string) (err error) {
	v.key = key
	v.above, v.lives = Version{}, v.lives[:0]
	v.newer, v.replaced = 0, time.Time{}
	v.found, v.ok, v.settled, v.absent, v.present, v.why = false, false, false, false, false, ""
	v.want, err = v.walk.to(key)
	return err
}

// entry takes the key's entries, the newest first.
func (v *verifier) entry(e *Version) {
	later := e.LastModified.After(v.to)
	current := !later && !v.settled // at some moment between from and to
	// An upload in parts may have been completed long after the time that it has.
	if _, sure := latest(e); sure && current && !e.LastModified.After(v.from) {
		v.settled = true
	}
	if current {
		if e.DeleteMarker {
			v.absent = true
		} else {
			v.present = true
		}
	}
	if later {
		v.newer, v.replaced = v.newer+1, e.LastModified // the oldest comes last
	}
	v.noteLife(e)
	v.above = *e
	if v.want == nil || e.VersionID != v.want.VersionID {
		return
	}
	v.found = true
	switch {
	case e.DeleteMarker:
		v.forged = true
		v.missing(v.want, "it is a delete marker")
		v.found, v.want = true, nil
		v.absent = true // reported already
		return
	case e.Size != v.want.Size:
		v.forged = true
		v.missing(v.want, fmt.Sprintf("its size is %d, not %d", e.Size, v.want.Size))
	case e.VersionID == nullVersion && !v.want.Modified.IsZero() && distance(e.LastModified, v.want.Modified) > spreadSlack:
		v.forged = true
		v.missing(v.want, "it was overwritten in place, as happens to this version ID while versioning is suspended")
	case v.want.ETag != "" && e.ETag != "" && s3versions.BareETag(e.ETag) != s3versions.BareETag(v.want.ETag):
		v.forged = true
		v.missing(v.want, fmt.Sprintf("its ETag is %s, not %s", s3versions.BareETag(e.ETag), s3err.Word(s3versions.BareETag(v.want.ETag))))
	}
	v.ok = current
	if later {
		v.why = "it was written " + e.LastModified.Sub(v.to).Round(time.Second).String() + " after the state was saved"
	} else if !current {
		v.why = "it had been replaced or deleted before the state was captured"
	}
}

func (v *verifier) endKey() {
	v.spread()
	switch {
	case v.want != nil && !v.found:
		v.lost(v.want, "no such version", v.replaced, v.newer)
	case v.want != nil && !v.ok:
		v.differs(v.key, v.want.VersionID, "%s", v.why)
	case v.want == nil && v.settled && v.present && !v.absent && !strings.HasPrefix(v.key, statePrefix):
		// Saved states are no part of the repository, and DropVersions leaves
		// out the one it is about to remove.
		v.differs(v.key, "", "the state leaves this key out, but it existed when the state was captured")
	}
}
