package signs

import (
	"cmp"
	"context"
	"hash/maphash"
	"slices"
	"strings"
)

// contents reads the beginnings of some of the changed and renamed files, half of each
// kind, chosen at random: an attacker who knew which ones would make some harmless
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

// candidates are the pairs whose beginnings differ and tell something.
func (c *comparison) candidates(pairs []pair) []pair {
	list := slices.DeleteFunc(slices.Clone(pairs), func(p pair) bool {
		return len(p.old.content) == 0 || len(p.now.content) == 0 ||
			p.old.content[0] == p.now.content[0] || p.now.size < leastSize
	})
	seed := maphash.MakeSeed()
	slices.SortFunc(list, func(a, b pair) int {
		return cmp.Or(cmp.Compare(a.order(seed), b.order(seed)), strings.Compare(a.now.path, b.now.path))
	})
	return list
}

func (p pair) order(seed maphash.Seed) uint64 { return maphash.String(seed, p.now.path) }

// look reads a pair. It is suspect if the new content is random, and turned if the old
// one had a known type besides.
func (c *comparison) look(ctx context.Context, p pair) (suspect bool, err error) {
	now, err := c.src.Blob(ctx, p.now.content[0])
	if err != nil {
		return false, err
	}
	c.Read++
	if len(now) < leastSize || !random(now) && !random(now[len(now)/2:]) {
		return false, nil
	}
	old, err := c.src.Blob(ctx, p.old.content[0])
	if err != nil || !spoilt(old, now) || !known(old) {
		return random(now) && !known(now), err
	}
	c.Turned++
	if len(c.TurnedPaths) < mostPaths {
		c.TurnedPaths = append(c.TurnedPaths, shown(p.now.path))
	}
	return true, nil
}
