package objectlist

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
)

// randomText is any of the forms, and what is nearly one of them.
func randomText(r *rand.Rand) string {
	alphabets := []string{"0123456789abcdef", "0123456789abcdefABCDEF", "abcXYZ019-_", "ab\x00\xff\"/ü.~"}
	n := r.IntN(40)
	if r.IntN(10) == 0 {
		n = r.IntN(3000)
	}
	from := alphabets[r.IntN(len(alphabets))]
	b := make([]byte, n)
	for i := range b {
		b[i] = from[r.IntN(len(from))]
	}
	if r.IntN(3) == 0 {
		return `"` + string(b) + `"`
	}
	return string(b)
}

func randomObjects(r *rand.Rand, n int) []Object {
	all := make([]Object, n)
	for i := range all {
		key := randomText(r)
		if r.IntN(2) == 0 {
			name := fmt.Sprintf("%016x%016x%016x%016x", r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64())
			key = "data/" + name[:2] + "/" + name
		}
		all[i] = Object{key, randomText(r), randomText(r), int64(r.Uint64()), time.UnixMicro(r.Int64N(1 << 52))}
		if r.IntN(10) == 0 {
			all[i].Modified = time.Time{}
		}
	}
	return all
}

func same(a, b Object) bool {
	return a.Key == b.Key && a.VersionID == b.VersionID && a.ETag == b.ETag && a.Size == b.Size && a.Modified.Equal(b.Modified)
}

// What a list gives back is what a sorted slice would, whatever the texts are made of
// and in whatever order the objects came.
func TestList(t *testing.T) {
	r := rand.New(rand.NewPCG(harness.Seed(t), 0))
	for range 60 {
		given := randomObjects(r, r.IntN(400))
		want := slices.Clone(given)
		slices.SortStableFunc(want, func(a, b Object) int { return strings.Compare(a.Key, b.Key) })
		slices.Reverse(want) // of equal keys the later counts
		want = slices.CompactFunc(want, func(a, b Object) bool { return a.Key == b.Key })
		slices.Reverse(want)
		if r.IntN(2) == 0 {
			given = want
		}
		l := Of(slices.Values(given))
		got := slices.Collect(l.All(""))
		if !slices.EqualFunc(got, want, same) || l.Len() != len(want) {
			t.Fatalf("%d objects, not %d, or others", len(got), len(want))
		}
		for _, o := range want {
			if found, ok := l.Get(o.Key); !ok || !same(found, o) {
				t.Fatalf("%q: %v %+v", o.Key, ok, found)
			}
			if found, ok := l.Get(o.Key + "\x01none"); ok {
				t.Fatalf("there is %+v", found)
			}
		}
		for _, prefix := range []string{"data/", "data/7f/", "data/00/00", "a", `"`, "\xff", "zzz"} {
			n := 0
			for o := range l.All(prefix) {
				if !strings.HasPrefix(o.Key, prefix) {
					t.Fatalf("%q does not begin with %q", o.Key, prefix)
				}
				n++
			}
			count := 0
			for _, o := range want {
				if strings.HasPrefix(o.Key, prefix) {
					count++
				}
			}
			if n != count {
				t.Errorf("%d of %d with %q", n, count, prefix)
			}
		}
	}
	if o, ok := new(List).Get("x"); ok {
		t.Error(o)
	}
	var l List
	if !l.Add(Object{Key: "b"}) || l.Add(Object{Key: "b"}) || l.Add(Object{Key: "a"}) || l.Len() != 1 {
		t.Error("an object was added out of order")
	}
}

// A pack takes no more than 100 bytes.
func TestListIsSmall(t *testing.T) {
	const n = 50_000
	r := rand.New(rand.NewPCG(1, 1))
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%016x%016x%016x%016x", r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64())
	}
	slices.Sort(names)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	l := &List{}
	for _, name := range names {
		l.Add(Object{"data/" + name[:2] + "/" + name, name[:32], `"` + name[32:] + `"`, 17 << 20, time.UnixMicro(1_790_000_000_000_000)})
	}
	if each := (heap() - before) / n; each > 100 {
		t.Errorf("%d bytes for each", each)
	}
	runtime.KeepAlive(l)
	runtime.KeepAlive(names)
}
