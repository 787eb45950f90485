package s3state

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/objectlist"
)

// The view that a history makes of its own listing is that of View at every moment for
// which it is given: on servers that date to the second, with deletions, and with
// uploads in parts.
func TestNewestView(t *testing.T) {
	seed := harness.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	now := time.Now().Truncate(time.Second)
	given := 0
	for range 400 {
		var entries []Version
		unit := []time.Duration{time.Millisecond, time.Second}[r.IntN(2)]
		for i := range r.IntN(12) {
			key := fmt.Sprintf("data/%02x/%064x", i, i)
			if i%3 == 0 {
				key = fmt.Sprintf("other/%d", i)
			}
			at := now.Add(-time.Hour)
			for range 1 + r.IntN(4) {
				v := Version{Key: key, VersionID: fmt.Sprint(r.Uint64()), LastModified: at, ETag: `"00ff"`, Size: r.Int64N(100)}
				v.DeleteMarker = r.IntN(3) == 0
				if r.IntN(3) == 0 {
					v.ETag = `"00ff-2"`
				}
				entries = append(entries, v)
				at = at.Add(-unit * time.Duration(r.IntN(3000)))
			}
		}
		slices.SortStableFunc(entries, func(a, b Version) int { return strings.Compare(a.Key, b.Key) })
		n := newNewestView(nil)
		if err := n.take(entries); err != nil {
			t.Fatal(err)
		}
		if err := n.end(); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			at := now.Add(-time.Hour).Add(time.Duration(r.IntN(5000)-2500) * time.Millisecond)
			v := n.at("b", at, now)
			if v == nil {
				continue
			}
			given++
			want := &objectlist.List{}
			c := chooser{asOf: asOf{at: at}, add: addTo(want)}
			if err := c.take(entries); err != nil {
				t.Fatal(err)
			}
			if err := c.end(); err != nil {
				t.Fatal(err)
			}
			got := slices.Collect(v.All(""))
			if !slices.EqualFunc(got, slices.Collect(want.All("")), func(a Object, b objectlist.Object) bool { return a == objectFrom(b) }) {
				t.Fatalf("at %v: %v\nof %v", at, got, entries)
			}
		}
		if v := n.at("b", now.Add(offAtMost+time.Second), now); v != nil {
			t.Fatal("given for a time at which nothing can be later")
		}
	}
	if given < 100 {
		t.Errorf("only %d views were given", given)
	}
}
