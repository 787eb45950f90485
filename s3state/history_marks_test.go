package s3state

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
)

// bytesPerMark is what History says that one takes.
const bytesPerMark = 220

// TestMarksAreSmall: what an attacker can make as many of as there are versions takes
// little memory each, and not more with every further one.
func TestMarksAreSmall(t *testing.T) {
	id := func(i int) string { return fmt.Sprintf("%02x%062x", i%256, i) }
	version := func(key string, i, age int) Version {
		return Version{
			Key: key, VersionID: fmt.Sprintf("%032d", 10*i+age), ETag: fmt.Sprintf(`"%032x"`, 10*i+age),
			Size: 200, IsLatest: age == 0, LastModified: at(1000 - 100*age), StorageClass: "STANDARD",
		}
	}
	overwritten := func(i int) []Version {
		key := "data/" + id(i)[:2] + "/" + id(i)
		marker := version(key, i, 0)
		marker.DeleteMarker = true
		return []Version{marker, version(key, i, 1), version(key, i, 2)}
	}
	deleted := func(i int) []Version {
		key := "keys/" + id(i)
		marker := version(key, i, 0)
		marker.DeleteMarker = true
		return []Version{marker, version(key, i, 2)}
	}
	foreign := func(i int) []Version {
		return []Version{version("x/"+id(i), i, 0)}
	}
	some := harness.SizeRaced(10_000, 30_000, 30_000)
	for _, c := range []struct {
		what  string
		of    func(i int) []Version
		n     int
		limit int // bytes
	}{
		// Beside the mark, a name that was written twice takes some 30 bytes, and the
		// versions to be read are held, some 8000 of the newest, with 300 bytes each.
		{"overwritten packs", overwritten, some, some*(bytesPerMark+30) + 8000*300},
		{"foreign objects", foreign, some, some * bytesPerMark},
		{"deleted keys", deleted, some / 2, some/2*bytesPerMark + 8000*300},
		{"overwritten packs", overwritten, harness.SizeRaced(0, 0, 1_000_000), 2*mostMarks*bytesPerMark + mostTwice*30 + mostBits/8 + 8000*300},
	} {
		before := live()
		h := newTimeline("b")
		h.take([]Version{version("config", 0, 3)})
		for i := range c.n {
			h.take(c.of(i))
		}
		h.end(defaultGap)
		if grown := int(int64(live()) - int64(before)); c.n > 0 && grown > c.limit {
			t.Errorf("%d %s take %d bytes each, %d in all; no more than %d expected", c.n, c.what, grown/c.n, grown, c.limit)
		}
		// What outlives the history has only what it shows.
		res := h.res
		h = nil
		if grown := int(int64(live()) - int64(before)); c.n > 0 && grown > 2*maxListed*400 {
			t.Errorf("of %d %s the result holds %d bytes", c.n, c.what, grown)
		}
		runtime.KeepAlive(res)
	}
}

// TestManyMarksHideNothing: more marks than are held, of any kind and however they were
// settled, hide no attack that comes after or between them.
func TestManyMarksHideNothing(t *testing.T) {
	const reviewed, good, attack = 1000, 50_000, 90_000
	most := harness.SizeRaced(1000, 5000, mostMarks)
	object := func(dir string, i int, version string, seconds int) Version {
		id := fmt.Sprintf("%064x", i)
		key := dir + "/" + id
		if dir == "data" {
			key = "data/" + id[:2] + "/" + id
		}
		return Version{Key: key, VersionID: version, ETag: fmt.Sprintf(`"%032s"`, version), Size: 200, LastModified: at(seconds)}
	}
	twice := func(dir string, i, seconds int) []Version {
		v := object(dir, i, "2", seconds)
		v.IsLatest = true
		return []Version{v, object(dir, i, "1", 50)}
	}
	for _, c := range []struct {
		what string
		of   func(i int) []Version
	}{
		{"reviewed", func(i int) []Version { return twice("data", i, 100+i%900) }},
		{"proved", func(i int) []Version { return twice("data", i, 2000+i%40_000) }},
		{"foreign", func(i int) []Version { return []Version{object("x", i, "1", 100+i%80_000)} }},
		{"from before there was anything to lose", func(i int) []Version { return twice("keys", i, 60) }},
	} {
		h := newTimeline("b")
		h.found.most, h.strangers.most = most, most
		n := 2*most + 10
		h.review(HistoryOptions{ReviewedUntil: at(reviewed), Prover: func(context.Context, *View, func(string) bool) (*Proof, error) { return nil, nil }})
		h.take([]Version{{Key: "config", VersionID: "1", IsLatest: true, Size: 155, LastModified: at(40)}})
		for i := range n {
			h.take(c.of(i))
		}
		for i := range 3 {
			marker := object("snapshots", i, "2", attack)
			marker.DeleteMarker, marker.IsLatest = true, true
			h.take([]Version{marker, object("snapshots", i, "1", 70)})
		}
		h.good = at(good)
		h.end(time.Hour)
		if !h.lasting.Equal(at(attack)) {
			t.Errorf("%s: the first mark that lasts is of %v, want %v", c.what, h.lasting, at(attack))
		}
		// The last snapshot went; a lock may explain the rest.
		if len(h.res.Suspicions) == 0 || h.res.Suspicions[0].Time.Before(at(attack)) || h.res.Total > 4 {
			t.Errorf("%s: %d marks, %+v", c.what, h.res.Total, h.res.Suspicions)
		}
		if h.res.TotalNotes != n || len(h.res.Notes) != maxListed {
			t.Errorf("%s: %d notes, %d listed, want %d", c.what, h.res.TotalNotes, len(h.res.Notes), n)
		}
	}
}

// TestMarksSummedUp: whatever the order and the times of marks, their number and the
// first that counts after any moment are what they are without a bound, to a minute.
func TestMarksSummedUp(t *testing.T) {
	seed := harness.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for range harness.SizeRaced(10, 20, 20) {
		most := harness.SizeRaced(1000, 5000, mostMarks)
		reviewed := at(r.IntN(20_000))
		l := suspicions{reviewed: reviewed, most: most}
		var all []time.Time
		over := 1 + r.IntN(30_000)
		for range 2*most + r.IntN(2*most) {
			m := Suspicion{Time: at(r.IntN(over)).Add(time.Duration(r.IntN(1e9))), Key: "k", Reason: [...]string{"a", "b"}[r.IntN(2)]}
			all = append(all, m.Time)
			l.add(m)
		}
		slices.SortFunc(all, time.Time.Compare)
		if l.total != len(all) {
			t.Fatalf("%d marks, want %d", l.total, len(all))
		}
		for _, cut := range []time.Time{{}, reviewed, at(r.IntN(over)), at(over)} {
			want := len(slices.DeleteFunc(slices.Clone(all), func(t time.Time) bool { return !t.After(cut) }))
			atLeast, atMost, first := 0, 0, time.Time{}
			var before time.Time
			for m := range l.with(nil) {
				if m.at.Before(before) {
					t.Fatalf("%v after %v", m.at, before)
				}
				before = m.at
				if m.last().After(cut) {
					atMost += int(m.n)
					if first.IsZero() {
						first = m.at
					}
				}
				if m.at.After(cut) {
					atLeast += int(m.n)
				}
			}
			if want < atLeast || want > atMost {
				t.Errorf("%d to %d marks after %v, want %d", atLeast, atMost, cut, want)
			}
			if want == 0 {
				continue
			}
			if exact := all[len(all)-want]; first.IsZero() || first.After(exact) || exact.Sub(first) > time.Minute {
				t.Errorf("the first after %v is %v, want %v", cut, first, exact)
			}
		}
	}
}
