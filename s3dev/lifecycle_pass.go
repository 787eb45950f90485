package s3dev

import (
	"time"
)

type lifecyclePass struct {
	m    *memory
	b    *bucket
	at   time.Time
	next time.Time
}

// due reports whether the moment has come, and notes it if not.
func (p *lifecyclePass) due(when time.Time) bool {
	if !when.After(p.at) {
		return true
	}
	if p.next.IsZero() || when.Before(p.next) {
		p.next = when
	}
	return false
}

// removable reports whether a version due for removal may go, or when it may.
func (p *lifecyclePass) removable(v *version) bool {
	if v.held() {
		return false
	}
	r := v.retained(p.at)
	return r == nil || p.due(r.until)
}

func (p *lifecyclePass) log(r *rule, key, versionID, what string) {
	l := &p.m.expiry
	if len(l.events) >= maxEvents {
		l.events = append(l.events[:0], l.events[maxEvents/2:]...)
	}
	l.events = append(l.events, LifecycleEvent{p.at, p.b.name, key, versionID, what, r.id})
}

// entry looks the key up again: what was done may have removed it.
func (p *lifecyclePass) entry(key string) *entry {
	e, _ := p.b.tree.Get(&entry{key: key})
	return e
}

func (r *rule) matches(v *version) bool {
	if v.marker {
		return r.tags == nil && r.larger == 0 && r.smaller == 0
	}
	if r.larger > 0 && v.size <= r.larger || r.smaller > 0 && v.size >= r.smaller {
		return false
	}
	for k, want := range r.tags {
		if v.ext == nil || v.ext.tags[k] != want {
			return false
		}
	}
	return true
}

// key applies one rule to one key: the current version, those behind it,
// then a marker that is left alone.
func (p *lifecyclePass) key(r *rule, key string) {
	e := p.entry(key)
	if e == nil {
		return
	}
	if v := e.latest(); !v.marker && r.matches(v) && (r.days > 0 || !r.date.IsZero()) && p.due(r.expiry(v)) {
		p.expire(r, key, v)
	}
	if r.noncurrent {
		p.noncurrent(r, key)
	}
	e = p.entry(key)
	if e == nil || len(e.versions) > 1 || !e.latest().marker || !r.matches(e.latest()) {
		return
	}
	v := e.latest()
	if (r.loneMarkers || r.days > 0 && p.due(v.lastModified().AddDate(0, 0, r.days))) && p.removable(v) {
		p.remove(r, key, v)
	}
}

func (r *rule) expiry(v *version) time.Time {
	if r.days > 0 {
		return v.lastModified().AddDate(0, 0, r.days)
	}
	return r.date
}

// expire ends the current version: with versioning it becomes noncurrent.
func (p *lifecyclePass) expire(r *rule, key string, v *version) {
	b := p.b
	if b.versioning == "" {
		p.remove(r, key, v)
		return
	}
	marker := b.add(key, &version{marker: true, owner: b.owner, modified: p.at.UnixMilli()})
	p.log(r, key, marker.id(), "expired")
}

func (p *lifecyclePass) noncurrent(r *rule, key string) {
	e := p.entry(key)
	if e == nil {
		return
	}
	var gone []*version
	for i := len(e.versions) - 2; i >= 0; i-- {
		v := e.versions[i]
		newer := len(e.versions) - 2 - i
		if newer < r.newerNoncurrent || !r.matches(v) {
			continue
		}
		since := e.versions[i+1].lastModified()
		if p.due(since.AddDate(0, 0, r.noncurrentDays)) && p.removable(v) {
			gone = append(gone, v)
		}
	}
	for _, v := range gone {
		p.remove(r, key, v)
	}
}

func (p *lifecyclePass) remove(r *rule, key string, v *version) {
	what := "version"
	switch {
	case v.marker:
		what = "marker"
	case p.b.versioning == "":
		what = "expired"
	}
	id := v.id()
	if _, err := p.b.removeVersion(key, id); err == nil {
		p.log(r, key, id, what)
	}
}
