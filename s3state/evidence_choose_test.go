package s3state

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/s3test"
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

// An upload in parts that the server refuses to return, as under a key of the attacker's
// own, is asked for once, not in each listing: a search for a good moment takes dozens.
func TestRefusedUploadsAreAskedForOnce(t *testing.T) {
	w := newWorld(t)
	key := "data/ab/ab" + strings.Repeat("0", 62)
	version := w.put(key, strings.Repeat("a", 100))
	up, err := w.host.core.NewMultipartUpload(w.ctx, w.bucket, key, putOptions())
	if err != nil {
		t.Fatal(err)
	}
	part, err := w.host.core.PutObjectPart(w.ctx, w.bucket, key, up, 1, strings.NewReader(strings.Repeat("b", 100)), 100, partOptions())
	if err != nil {
		t.Fatal(err)
	}
	complete(t, w.host, w.bucket, key, up, part)
	w.srv.Inject(t, s3test.Fault{Method: http.MethodGet, Path: "/" + key, Kind: s3test.Status, Status: 400, Code: "InvalidRequest"})
	defer w.srv.ClearFaults(t)
	var asked atomic.Int64
	now := time.Now()
	s := w.storeVia(w.srv.Admin, roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, key) {
			asked.Add(1)
		}
		return http.DefaultTransport.RoundTrip(r)
	}), WithClock(func() time.Time { return now }))
	look := func(want int64) {
		t.Helper()
		at := now.Add(time.Hour) // within what the clock may be off, so that the upload may be later
		views, err := s.Views(w.ctx, w.bucket, []time.Time{at, at.Add(time.Minute), at.Add(time.Hour)}, ViewOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range views {
			if o, ok := v.Get(key); !ok || o.VersionID != version {
				t.Errorf("%v %+v", ok, o)
			}
		}
		if n := asked.Load(); n != want {
			t.Errorf("it was asked for %d times, not %d", n, want)
		}
	}
	look(1)
	look(1)
	now = now.Add(time.Hour) // it may be readable by now
	look(2)
}
