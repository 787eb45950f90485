package s3state

import (
	"fmt"
	"strings"
	"time"
)

const (
	// saveSlack is how long after its capture a state may have reached the
	// server.
	saveSlack = 5 * time.Minute
	// A capture that claims to have taken longer than this, and more than ten
	// milliseconds for each current object, would make everything uncertain.
	// Objects have to be in the bucket; old versions and markers could be made
	// up to stretch the time.
	plainCapture = 10 * time.Minute
	entryCapture = 10 * time.Millisecond
	mostCapture  = 3 * time.Hour
)

// verifier compares a plan with the version listing as it comes: both are in
// the order of keys, so neither is held.
type verifier struct {
	res     Verification
	gone    []planned // saved states
	forged  bool      // a version is there, but not as the state says
	plan    *planReader
	from    time.Time
	to      time.Time
	begun   bool
	key     string // being looked at
	want    *planned
	found   bool
	ok      bool // want was current at some moment between from and to
	settled bool // an entry older than from has been seen
	absent  bool // the key may have been absent at such a moment
	present bool // an object version is known from that time
	why     string
}

// newVerifier begins to compare the plan of a state saved at saved, by the
// server's clock.
func newVerifier(p *plan, saved time.Time) (*verifier, error) {
	r, err := p.reader()
	if err != nil {
		return nil, err
	}
	took := max(p.header.TimeEnd.Sub(p.header.TimeStart), 0)
	longest := min(plainCapture+time.Duration(p.count)*entryCapture, mostCapture)
	// Servers that give whole seconds round down.
	v := &verifier{plan: r, from: saved.Add(-min(took, longest) - saveSlack), to: saved.Add(time.Second)}
	if took > longest {
		v.differs("", "", "the state claims that capturing %d objects took %s", p.count, took)
	}
	v.res.From, v.res.To = v.from, v.to
	return v, nil
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
	if err := v.missingBefore("", true); err != nil {
		return nil, err
	}
	switch {
	case v.res.Total > 0 || v.forged:
		v.res.Status = Differs
	case v.res.TotalMissing > 0:
		v.res.Status = Unverifiable
	default:
		v.res.Status = Verified
	}
	return &v.res, nil
}

// missingBefore notes the planned objects whose keys the listing has passed.
func (v *verifier) missingBefore(key string, all bool) error {
	for {
		o, err := v.plan.peek()
		if err != nil || o == nil || !all && o.Key >= key {
			return err
		}
		v.missing(o, "the bucket has no version of this key")
		_, _ = v.plan.next()
	}
}

// What a forged state can make the verifier remember is bounded.
const (
	maxStatesGone   = 20_000
	longestStateKey = 128 // twice what RWM gives one
)

func (v *verifier) missing(o *planned, reason string) {
	if isState(&Version{Key: o.Key}) && len(o.Key) <= longestStateKey && v.res.StatesGone < maxStatesGone {
		v.res.StatesGone++
		v.gone = append(v.gone, planned{Key: o.Key, Size: o.Size})
		return
	}
	v.res.TotalMissing++
	if len(v.res.Missing) < maxListed {
		v.res.Missing = append(v.res.Missing, MissingVersion{o.Key, o.VersionID, reason})
	}
}

func (v *verifier) differs(key, version, format string, args ...any) {
	v.res.Total++
	if len(v.res.Differences) < maxListed {
		v.res.Differences = append(v.res.Differences, Difference{key, version, fmt.Sprintf(format, args...)})
	}
}

func (v *verifier) beginKey(key string) error {
	if err := v.missingBefore(key, false); err != nil {
		return err
	}
	v.key, v.want = key, nil
	v.found, v.ok, v.settled, v.absent, v.present, v.why = false, false, false, false, false, ""
	o, err := v.plan.peek()
	if err != nil {
		return err
	}
	if o != nil && o.Key == key {
		taken, err := v.plan.next()
		if err != nil {
			return err
		}
		v.want = &taken
	}
	return nil
}

// entry takes the key's entries, the newest first.
func (v *verifier) entry(e *Version) {
	later := e.LastModified.After(v.to)
	current := !later && !v.settled // at some moment between from and to
	if current && !e.LastModified.After(v.from) {
		v.settled = true
	}
	if current {
		if e.DeleteMarker {
			v.absent = true
		} else {
			v.present = true
		}
	}
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
	case v.want.ETag != "" && e.ETag != "" && bareETag(e.ETag) != bareETag(v.want.ETag):
		v.forged = true
		v.missing(v.want, fmt.Sprintf("its ETag is %s, not %s", bareETag(e.ETag), bareETag(v.want.ETag)))
	}
	v.ok = current
	if later {
		v.why = "it was written " + e.LastModified.Sub(v.to).Round(time.Second).String() + " after the state was saved"
	} else if !current {
		v.why = "it had been replaced or deleted before the state was captured"
	}
}

func (v *verifier) endKey() {
	switch {
	case v.want != nil && !v.found:
		v.missing(v.want, "no such version")
	case v.want != nil && !v.ok:
		v.differs(v.key, v.want.VersionID, "%s", v.why)
	case v.want == nil && v.settled && v.present && !v.absent && !strings.HasPrefix(v.key, statePrefix):
		// Saved states are no part of the repository, and DropVersions leaves
		// out the one it is about to remove.
		v.differs(v.key, "", "the state leaves this key out, but it existed when the state was captured")
	}
}
