package s3versions

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cesnet/rwm/internal/harness"
)

// The ranges cover every key exactly once.
func TestRangesCoverAllKeys(t *testing.T) {
	for digits := 1; digits <= 3; digits++ {
		rs := ranges(digits)
		if rs[0].start != "" || rs[len(rs)-1].end != "" {
			t.Errorf("%d digits: open ends are missing", digits)
		}
		follow(t, rs)
		for _, key := range []string{"index/0a", "locks/3f~", "snapshots/00"} {
			divided := 0
			for _, r := range rs {
				sub := subranges(r, key, "v")
				if r.start > key || r.end != "" && r.end <= key || sub == nil {
					continue
				}
				divided++
				if sub[0].start > key || sub[0].after != key || sub[len(sub)-1].end != r.end || len(sub) < 13 {
					t.Fatalf("%q: %+v is divided into %+v", key, r, sub)
				}
				follow(t, sub[1:])
				if sub[1].start != sub[0].end {
					t.Fatalf("%q: %+v", key, sub[:2])
				}
			}
			if divided != 1 {
				t.Errorf("%q divides %d ranges", key, divided)
			}
		}
	}
	for _, key := range []string{"index/40", "index/zz", "index/", "index", "keys/00", "data/00/00", "snapshots/0"} {
		if sub := subranges(keyRange{start: "a"}, key, ""); sub != nil {
			t.Errorf("%q is divided: %+v", key, sub)
		}
	}
}

func follow(t *testing.T, rs []keyRange) {
	t.Helper()
	for i := range rs {
		r := rs[i]
		if i > 0 && rs[i-1].end != r.start {
			t.Fatalf("%q ends at %q, the next begins at %q", rs[i-1].start, rs[i-1].end, r.start)
		}
		if r.end != "" && r.start >= r.end || r.after != "" && r.after >= r.start {
			t.Fatalf("bad range %+v", r)
		}
		if r.prefix != "" && (r.start != r.prefix || r.end != prefixEnd(r.prefix)) {
			t.Fatalf("bad prefix range %+v", r)
		}
	}
}

// Thousands of snapshots, indexes and locks with strange keys between them are found
// completely, too.
func TestParallelListingOfManySnapshots(t *testing.T) {
	harness.Checks(t, harness.SizeRaced(6, 15, 15))
	f := &fakeListing{}
	s := fakeClient(t, f, WithParallel(8))
	rapid.Check(t, func(rt *rapid.T) {
		f.entries = nil
		f.inclusive = rapid.Bool().Draw(rt, "inclusive")
		keys := map[string]bool{}
		for _, dir := range []string{"index/", "locks/", "snapshots/"} {
			n := rapid.SampledFrom([]int{0, 900, 6000}).Draw(rt, "n")
			r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
			for range n {
				keys[fmt.Sprintf("%s%016x", dir, r.Uint64())] = true
			}
			for range rapid.IntRange(0, 20).Draw(rt, "strange") {
				keys[dir+rapid.StringOfN(rapid.RuneFrom([]rune("0159:`afg~/.+%G\u00e9")), 1, 3, -1).Draw(rt, "s")] = true
			}
		}
		for k := range keys {
			for i := range rapid.IntRange(1, 2).Draw(rt, "versions") {
				f.entries = append(f.entries, fakeVersion(k, i))
			}
		}
		f.sort()
		var got []Version
		if err := s.list(t.Context(), "bucket", "", func(e []Version) error { got = append(got, e...); return nil }); err != nil {
			rt.Fatal(err)
		}
		compareListing(rt, got, f.entries)
	})
}

// keyGen makes keys in, around and far from restic's layout.
func keyGen() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) string {
			h := fmt.Sprintf("%016x", rapid.Uint64().Draw(t, "h"))
			return "data/" + h[:2] + "/" + h
		}),
		rapid.Custom(func(t *rapid.T) string {
			p := rapid.SampledFrom([]string{"", "data", "data/", "data/0", "data/9", "data/9~", "data/:", "data/f", "data/g", "data/0f",
				"data/00/00", "data/00/000", "locks", "locks.", "locks/", "snapshots", "snapshots.", "snapshots/", "rwm/state_", "~", "config"}).Draw(t, "p")
			return p + rapid.StringOfN(rapid.RuneFrom([]rune("0159:`afg~/.+% \t\n\r&<\x01\u00e9\ufffe\U0010ffff")), 0, 3, -1).Draw(t, "s")
		}),
		rapid.StringN(1, 4, 20),
	).Filter(func(s string) bool { return s != "" && !strings.Contains(s, "\x00") })
}

// A parallel listing gives every version exactly once, in order, for any keys and
// any of the known ways of servers.
func TestParallelListingFindsEverything(t *testing.T) {
	harness.Checks(t, harness.SizeRaced(15, 40, 40))
	f := &fakeListing{}
	s := fakeClient(t, f, WithParallel(8))
	rapid.Check(t, func(rt *rapid.T) {
		f.entries = nil
		f.split, f.tenant = rapid.Bool().Draw(rt, "split"), rapid.Bool().Draw(rt, "tenant")
		f.rawMarker, f.plusSpace = rapid.Bool().Draw(rt, "raw"), rapid.Bool().Draw(rt, "plus")
		f.inclusive = rapid.Bool().Draw(rt, "inclusive")
		keys := rapid.SliceOfNDistinct(keyGen(), 1, 60, rapid.ID[string]).Draw(rt, "keys")
		for _, k := range keys {
			if strings.ContainsAny(k, "+ ") && !f.plusSpace && !xmlSafe(k) {
				continue // cannot be told when encoded, if the server leaves a plus bare
			}
			n := rapid.IntRange(1, 4).Draw(rt, "versions")
			if rapid.IntRange(0, 19).Draw(rt, "many") == 0 {
				n = 900
			}
			for i := range n {
				v := fakeVersion(k, i)
				if rapid.IntRange(0, 3).Draw(rt, "marker") == 0 {
					v = Version{Key: k, VersionID: v.VersionID, IsLatest: v.IsLatest, DeleteMarker: true, LastModified: v.LastModified, Owner: v.Owner}
				}
				f.entries = append(f.entries, v)
			}
		}
		if f.plusSpace { // one page must not mix the two ways
			f.entries = slices.DeleteFunc(f.entries, func(v Version) bool { return strings.Contains(v.Key, "%20") })
		}
		f.sort()
		digits := rapid.IntRange(0, 2).Draw(rt, "digits")
		var got []Version
		emit := func(e []Version) error { got = append(got, e...); return nil }
		var err error
		if digits == 0 {
			err = s.list(t.Context(), "bucket", "", emit)
		} else {
			err = s.listRanges(t.Context(), "bucket", ranges(digits), 2, emit)
		}
		if err != nil {
			rt.Fatal(err)
		}
		compareListing(rt, got, f.entries)
	})
}

func compareListing(t interface{ Fatalf(string, ...any) }, got, want []Version) {
	for i := range min(len(got), len(want)) {
		g, w := got[i], want[i]
		if g.Key != w.Key || g.VersionID != w.VersionID && len(got) == len(want) && !sameRun(got, want, i) {
			t.Fatalf("entry %d is %q %s, not %q %s", i, g.Key, g.VersionID, w.Key, w.VersionID)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d entries, not %d", len(got), len(want))
	}
}

// sameRun tolerates another order within a key, as of servers that send
// versions and markers apart.
func sameRun(got, want []Version, i int) bool {
	key := want[i].Key
	has := func(vs []Version, id string) bool {
		return slices.ContainsFunc(vs, func(v Version) bool { return v.Key == key && v.VersionID == id })
	}
	return has(want, got[i].VersionID) && has(got, want[i].VersionID)
}

// On Ceph RGW a key-marker alone is inclusive: a key that is the marker of a
// range must neither break the listing nor come twice.
func TestParallelListingWithInclusiveMarkers(t *testing.T) {
	f := &fakeListing{tenant: true, rawMarker: true, inclusive: true}
	for _, k := range []string{"config", "data/00/1", "data/9~", "data/ff/1", "index/1", "keys/1", "locks/1", "rwm/state_1", "snapshots/1"} {
		f.entries = append(f.entries, fakeVersion(k, 0))
	}
	for digits := 1; digits <= 2; digits++ {
		for _, r := range ranges(digits) {
			if r.after != "" {
				f.entries = append(f.entries, fakeVersion(r.after, 0), fakeVersion(r.after, 1))
			}
		}
	}
	f.sort()
	f.entries = slices.CompactFunc(f.entries, func(a, b Version) bool { return a.Key == b.Key && a.VersionID == b.VersionID })
	s := fakeClient(t, f)
	for digits := 1; digits <= 2; digits++ {
		var got []Version
		err := s.listRanges(t.Context(), "bucket", ranges(digits), 2, func(e []Version) error { got = append(got, e...); return nil })
		if err != nil {
			t.Fatalf("%d digits: %v", digits, err)
		}
		compareListing(t, got, f.entries)
	}
}

// A large bucket in restic's layout, with strangers in every gap.
func TestParallelListingLargeBucket(t *testing.T) {
	f := &fakeListing{tenant: true, rawMarker: true}
	rnd := rand.New(rand.NewPCG(1, 2))
	f.entries = append(f.entries, fakeVersion("config", 0))
	for range harness.SizeRaced(10_000, 30_000, 30_000) {
		h := fmt.Sprintf("%016x%016x%016x%016x", rnd.Uint64(), rnd.Uint64(), rnd.Uint64(), rnd.Uint64())
		f.entries = append(f.entries, fakeVersion("data/"+h[:2]+"/"+h, 0))
	}
	for _, k := range []string{"a", "data", "data/", "data/0", "data/9~x", "data/:", "data/`", "data/f~~", "data/g", "data/zz", "data0", "dataz", "index/1", "locks", "locks/1", "z", "\U0010ffff"} {
		f.entries = append(f.entries, fakeVersion(k, 0))
	}
	f.sort()
	for _, parallel := range []int{1, 2, 32} {
		f.requests.Store(0)
		got, err := all(fakeClient(t, f, WithParallel(parallel)), t)
		if err != nil {
			t.Fatal(err)
		}
		compareListing(t, got, f.entries)
		t.Logf("parallel %d: %d requests", parallel, f.requests.Load())
	}
}

// One key at a page boundary hid everything behind it from the original.
func TestNoKeyAtPageBoundaryHidesOthers(t *testing.T) {
	for _, boundary := range []string{"a+b", "a b", "a%2Bb", "a\x01b", "a\nb", "a\rb", "a&b", "a\ufffeb", "ü", "a?b=c", "a\u2028b"} {
		for _, rgw := range []bool{true, false} {
			f := &fakeListing{tenant: rgw, rawMarker: rgw, plusSpace: !rgw}
			for i := range pageSize - 1 {
				f.entries = append(f.entries, fakeVersion(fmt.Sprintf(" %04d", i), 0))
			}
			f.entries = append(f.entries, fakeVersion(boundary, 0))
			for i := range 10 {
				f.entries = append(f.entries, fakeVersion(fmt.Sprintf("ü%04d", i), 0))
			}
			f.sort()
			got, err := all(fakeClient(t, f), t)
			if err != nil {
				t.Errorf("%q: %v", boundary, err)
				continue
			}
			compareListing(t, got, f.entries)
		}
	}
}

// Pages that do not move on, go back or skip are noticed.
func TestListingThatDoesNotMoveForward(t *testing.T) {
	base := func() *fakeListing {
		f := &fakeListing{}
		for i := range 2500 {
			f.entries = append(f.entries, fakeVersion(fmt.Sprintf("k%05d", i), 0))
		}
		return f
	}
	f := base()
	f.marker = func(string, string) (string, string) { return "a", "" }
	got, err := all(fakeClient(t, f, WithParallel(1)), t)
	if err != nil || len(got) != len(f.entries) {
		t.Errorf("a marker that goes back is not needed to go on: %v, %d entries", err, len(got))
	}
	f.marker = func(string, string) (string, string) { return "k02", "" }
	if got, err = all(fakeClient(t, f, WithParallel(1)), t); err != nil || len(got) != len(f.entries) {
		t.Errorf("a marker must not skip keys: %v, %d entries", err, len(got))
	}

	first := base()
	for name, mangle := range map[string]func([]byte, url.Values) []byte{
		"the same page again": func([]byte, url.Values) []byte { return first.page(url.Values{"max-keys": {"1000"}}) },
		"empty but truncated": func([]byte, url.Values) []byte {
			return []byte(`<ListVersionsResult><IsTruncated>true</IsTruncated></ListVersionsResult>`)
		},
		"cut off":           func(p []byte, _ url.Values) []byte { return p[:len(p)-20] },
		"not said if last":  func(p []byte, _ url.Values) []byte { return []byte(strings.Replace(string(p), "IsTruncated", "Is", 2)) },
		"another document":  func([]byte, url.Values) []byte { return []byte(`<ListBucketResult></ListBucketResult>`) },
		"an HTML page":      func([]byte, url.Values) []byte { return []byte(`<html><body>proxy</body></html>`) },
		"nothing":           func([]byte, url.Values) []byte { return nil },
		"an error in a 200": func([]byte, url.Values) []byte { return []byte(`<Error><Code>InternalError</Code></Error>`) },
		"a wrong prefix":    func(p []byte, q url.Values) []byte { return []byte(strings.ReplaceAll(string(p), "<Key>k", "<Key>")) },
	} {
		f := base()
		f.mangle = mangle
		if name == "a wrong prefix" {
			s := fakeClient(t, f)
			err = s.list(t.Context(), "bucket", "k", func([]Version) error { return nil })
		} else {
			_, err = all(fakeClient(t, f, WithParallel(1)), t)
		}
		if err == nil {
			t.Errorf("%s: no error", name)
		} else if !strings.Contains(err.Error(), "bucket") {
			t.Errorf("%s: the error does not name the place: %v", name, err)
		}
	}
}

func TestListingIsCancelled(t *testing.T) {
	f := &fakeListing{latency: time.Millisecond}
	for i := range 20_000 {
		f.entries = append(f.entries, fakeVersion(fmt.Sprintf("data/%02x/%06d", i*256/20_000, i), 0))
	}
	f.sort()
	stop := errors.New("enough")
	s := fakeClient(t, f)
	n := 0
	err := s.list(t.Context(), "bucket", "", func(e []Version) error {
		if n++; n == 3 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) {
		t.Error(err)
	}
	for range s.Versions(t.Context(), "bucket", "") {
		break
	}
}

// A cache that does not look at the query answers for another prefix, and an empty page
// has no key that tells.
func TestListingOfAnotherPrefix(t *testing.T) {
	f := &fakeListing{mangle: func(page []byte, _ url.Values) []byte {
		return bytes.Replace(page, []byte("<IsTruncated>"), []byte("<Prefix>keys/</Prefix><IsTruncated>"), 1)
	}}
	for prefix, want := range map[string]error{"keys/": nil, "snapshots/": ErrBadListing, "": ErrBadListing} {
		var err error
		for _, e := range fakeClient(t, f).Versions(t.Context(), "bucket", prefix) {
			err = e
		}
		if !errors.Is(err, want) {
			t.Errorf("%q: %v", prefix, err)
		}
	}
}
