package s3state

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
	"unique"

	"github.com/cesnet/rwm/internal/plural"
	"github.com/cesnet/rwm/internal/s3err"
)

// An adopted bucket may hold repositories at prefixes. What is proved and judged is the
// one at the bucket's root, so the others are named, nothing is called good of them, and
// what of them was deleted stops a drop until a person has looked at it.

var errAtPrefix = s3err.Kind("not proved", errors.Join(ErrUnconfirmed, ErrNotProved))

// mostPrefixes bounds how many prefixes are told apart. What lies at further ones is
// taken together, so an attacker who makes up many hides none.
const mostPrefixes = 1000

// atPrefixes are the objects that may be those of repositories at prefixes.
type atPrefixes struct {
	all  map[string]*atPrefix
	rest atPrefix
}

type atPrefix struct {
	config, keys bool      // there was one
	made         time.Time // when anything was written first
	gone         int64
	last         time.Time // when something was deleted or overwritten for the last time
}

func (p *atPrefix) repository() bool { return p.config && p.keys }

// prefixOf splits the key of what may be an object of a repository at a prefix.
func prefixOf(key string) (prefix string, t FileType) {
	below := ""
	if strings.HasSuffix(key, "/config") {
		below = "config"
	} else if n := len(key) - 64; n > 0 && isID(key[n:]) {
		for _, dir := range []string{"keys/", "index/", "snapshots/", "data/" + key[n:n+2] + "/"} {
			if strings.HasSuffix(key[:n], "/"+dir) {
				below = dir + key[n:]
			}
		}
	}
	if below == "" {
		return "", TypeOther
	}
	return strings.TrimSuffix(key, below), TypeOf(below)
}

// note takes a change of an object that is none of a repository at the root.
func (a *atPrefixes) note(v *Version, c Change) {
	prefix, t := prefixOf(v.Key)
	if t == TypeOther {
		return
	}
	p := a.all[prefix]
	switch {
	case p != nil:
	case len(a.all) == mostPrefixes:
		p = &a.rest
	default:
		if a.all == nil {
			a.all = make(map[string]*atPrefix)
		}
		p = &atPrefix{}
		a.all[prefix] = p
	}
	p.config, p.keys = p.config || t == TypeConfig, p.keys || t == TypeKey
	if c != Deleted && (p.made.IsZero() || v.LastModified.Before(p.made)) {
		p.made = v.LastModified
	}
	if c == Deleted || c == Overwritten {
		p.gone++
		at, known := latest(v)
		if !known {
			at = endOfTime
		}
		p.last = later(p.last, at)
	}
}

// repositories iterates over the prefixes at which there was a repository, in order;
// those taken together come last, as "…".
func (a *atPrefixes) repositories() iter.Seq2[string, *atPrefix] {
	return func(yield func(string, *atPrefix) bool) {
		for _, name := range slices.Sorted(maps.Keys(a.all)) {
			if p := a.all[name]; p.repository() && !yield(name, p) {
				return
			}
		}
		if a.rest.repository() {
			yield("…", &a.rest)
		}
	}
}

func (a *atPrefixes) names() (names []string) {
	for name := range a.repositories() {
		names = append(names, s3err.Clip(name))
	}
	return names
}

// noRepository says why nothing is proved of a bucket without one at its root.
func (h *timeline) noRepository() string {
	if names := h.prefixes.names(); len(names) > 0 {
		return fmt.Sprintf("there is a repository at the prefix %q, and only one at the bucket's root is looked at", names[0])
	}
	return "there never was a repository in the bucket"
}

// doubt is what went from them since a time and would be removed for good.
func (a *atPrefixes) doubt(reviewed time.Time) error {
	var gone int64
	first := ""
	for name, p := range a.repositories() {
		if p.last.After(reviewed) {
			first = cmp.Or(first, name)
			gone += p.gone
		}
	}
	if gone == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s at prefixes, first at %q, %s deleted or overwritten, and only the repository at the bucket's root is looked at: "+
		"check those at prefixes with restic, then say that you have reviewed the history", errAtPrefix, plural.Of(gone, "repository object"), s3err.Clip(first), plural.Were(gone))
}

// notes are for the history.
func (a *atPrefixes) notes() (all []heldMark) {
	const reason = "there is a repository at this prefix, which is neither proved nor judged here"
	for name, p := range a.repositories() {
		all = append(all, heldMark{at: p.made, key: name, reason: unique.Make(reason), n: 1, kind: markNoted})
	}
	return all
}
