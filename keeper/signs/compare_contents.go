package signs

import (
	"cmp"
	"context"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/cesnet/rwm/restic"
)

// contents reads some of the changed and renamed files where they begin to differ, half
// of each kind, chosen at random: an attacker who knew which ones would make some harmless
// changes that are chosen before all others. Of what was renamed, only what looks
// random counts. Files that came in the place of others count as changed.
func (c *comparison) contents(ctx context.Context) error {
	renamed := c.candidates(c.renamed)
	changed := c.candidates(slices.Concat(c.changed, c.replaced))
	c.Candidates = len(renamed) + len(changed)
	n := min(len(renamed), max(c.opts.Read/2, c.opts.Read-len(changed)))
	harmless := 0
	for _, p := range renamed[:n] {
		suspect, err := c.look(ctx, p)
		if err != nil {
			return err
		}
		if !suspect {
			harmless++
		}
	}
	if n > 0 {
		c.WithExtension -= c.WithExtension * harmless / n
		c.Renamed -= c.Renamed * harmless / n
	}
	for _, p := range changed[:min(len(changed), c.opts.Read-n)] {
		if _, err := c.look(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// candidates are the pairs that differ at their beginnings, or after them by most of the
// rest.
func (c *comparison) candidates(pairs []pair) []pair {
	list := slices.DeleteFunc(slices.Clone(pairs), func(p pair) bool {
		if p.now.size < leastSize {
			return true
		}
		_, _, ok := p.differ()
		return !ok
	})
	seed := maphash.MakeSeed()
	slices.SortFunc(list, func(a, b pair) int {
		return cmp.Or(cmp.Compare(a.order(seed), b.order(seed)), strings.Compare(a.now.path, b.now.path))
	})
	return list
}

func (p pair) order(seed maphash.Seed) uint64 { return maphash.String(seed, p.now.path) }

// differ finds the first blobs that are not in the other content. Where the beginning
// stayed, most of the rest must be gone: what grows, or is written to here and there, as
// logs and databases are, tells nothing.
func (p pair) differ() (old, now int, ok bool) {
	if len(p.old.content) == 0 || len(p.now.content) == 0 {
		return 0, 0, false
	}
	if p.old.content[0] != p.now.content[0] {
		return 0, 0, true
	}
	old, gone := without(p.old.content, p.now.content)
	now, come := without(p.now.content, p.old.content)
	return old, now, come > 0 && gone > 0 && 2*gone >= len(p.old.content)-1
}

// without finds the first of the blobs that others lack, and counts those.
func without(blobs, others []restic.ID) (first, n int) {
	there := make(map[restic.ID]bool, len(others))
	for _, id := range others {
		there[id] = true
	}
	for i, id := range slices.Backward(blobs) {
		if !there[id] {
			first, n = i, n+1
		}
	}
	return first, n
}

// look reads a pair. It is suspect if the new content is random, and turned if the old
// one had a known type besides.
func (c *comparison) look(ctx context.Context, p pair) (suspect bool, err error) {
	was, is, _ := p.differ()
	now, err := c.src.Blob(ctx, p.now.content[is])
	if err != nil {
		return false, err
	}
	c.Read++
	if len(now) < leastSize || !random(now) && !random(now[len(now)/2:]) {
		return false, nil
	}
	old, err := c.src.Blob(ctx, p.old.content[was])
	if err != nil {
		return false, err
	}
	var turned bool
	if is == 0 {
		turned, suspect = spoilt(old, now) && known(old), random(now) && !known(now)
	} else if suspect = random(now) && len(old) >= leastSize && !random(old) && !random(old[len(old)/2:]); suspect {
		// What is in the middle has no type of its own; the file has that of its
		// beginning, which it kept.
		var first []byte
		if first, err = c.src.Blob(ctx, p.old.content[0]); err != nil {
			return false, err
		}
		turned = known(first)
	}
	if !turned {
		return suspect, nil
	}
	c.Turned++
	if len(c.TurnedPaths) < mostPaths {
		c.TurnedPaths = append(c.TurnedPaths, shown(p.now.path))
	}
	return true, nil
}
