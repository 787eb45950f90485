package s3state

import (
	"strings"
	"time"
)

// nullVersion is the ID of what was written while versioning was not enabled.
const nullVersion = "null"

func distance(a, b time.Time) time.Duration { return a.Sub(b).Abs() }

// noteLife notes from when to when the object e was current, if that is known and
// touches the window. v.above is the key's next newer entry.
func (v *verifier) noteLife(e *Version) {
	if e.DeleteMarker || e.LastModified.After(v.to) {
		return
	}
	if _, sure := latest(e); !sure {
		return
	}
	l := life{from: e.LastModified}
	if v.above.Key == e.Key {
		if _, sure := latest(&v.above); !sure {
			return
		}
		if l.to = v.above.LastModified; !l.to.After(v.from) {
			return
		}
	}
	const most = 8 // of an attacker's key there may be thousands
	if len(v.lives) < most {
		v.lives = append(v.lives, l)
	}
	if v.want != nil && e.VersionID == v.want.VersionID {
		v.there(l)
	}
}

// there narrows when the state was taken by an object that it names.
func (v *verifier) there(l life) {
	v.endsAfter(l.from)
	if !l.to.IsZero() && !l.to.After(v.to) {
		v.beginsBefore(l.to)
	}
}

// spread narrows when the state was taken by the object that it leaves out.
func (v *verifier) spread() {
	if v.want != nil || strings.HasPrefix(v.key, "locks/") || strings.HasPrefix(v.key, "rwm/") || len(v.lives) != 1 {
		return
	}
	switch l := v.lives[0]; {
	case l.to.IsZero() || l.to.After(v.to):
		v.beginsBefore(l.from)
	case !l.from.After(v.from):
		v.endsAfter(l.to)
	}
}

func (v *verifier) beginsBefore(t time.Time) {
	if v.begin.at.IsZero() || t.Before(v.begin.at) {
		v.begin = event{t, v.key}
	}
}

func (v *verifier) endsAfter(t time.Time) {
	if t.After(v.last.at) {
		v.last = event{t, v.key}
	}
}

// endSpread judges whether there was a time at which the state can have been taken.
func (v *verifier) endSpread() {
	if v.begin.at.IsZero() || v.last.at.IsZero() {
		return
	}
	if apart := v.last.at.Sub(v.begin.at); apart > v.took+spreadSlack {
		v.differs(v.begin.key, "", "what happened to it is not in the state, but what happened to %q %s later is, "+
			"and by its own account the state was taken within %s",
			v.last.key, apart.Round(time.Second), v.took.Round(time.Millisecond))
	}
}
