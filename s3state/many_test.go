package s3state

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/s3test"
)

// census counts requests, and what is live on the heap while they are made.
type census struct {
	mu       sync.Mutex
	requests map[string]int // by method
	base     uint64
	peak     atomic.Uint64
}

func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func (c *census) RoundTrip(req *http.Request) (*http.Response, error) {
	c.mu.Lock()
	c.requests[req.Method]++
	n := 0
	for _, k := range c.requests {
		n += k
	}
	c.mu.Unlock()
	if n%1500 == 0 || n < 40 && n%10 == 0 {
		c.peak.Store(max(c.peak.Load(), live()))
	}
	return http.DefaultTransport.RoundTrip(req)
}

func (c *census) reset() {
	c.requests, c.base = map[string]int{}, live()
	c.peak.Store(c.base)
}

// grown is by how much the heap had grown, in bytes.
func (c *census) grown() uint64 { return c.peak.Load() - c.base }

// An attacker overwrites thousands of names, deletes all, and buries them below
// further markers, in a locked bucket. The history shows it, the renewal locks every
// version, and a drop removes what it may, with memory and requests that are bounded.
func TestManyVersionsUnderAttack(t *testing.T) {
	names := harness.SizeRaced(400, 6_700, 34_000) // of which there are three versions each
	r := newRenewal(t, s3test.Dialect("rgw20"))    // where each DELETE makes a marker
	r.backUp()
	key := func(i int) string { return fmt.Sprintf("data/%02x/%02x%062x", i%256, i%256, i) }
	each := func(fn func(i int) error) {
		t.Helper()
		g := errgroup.Group{}
		g.SetLimit(16)
		for i := range names {
			g.Go(func() error { return fn(i) })
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	write := func(body string) {
		t.Helper()
		each(func(i int) error {
			_, err := r.host.client.PutObject(r.ctx, r.bucket, key(i), strings.NewReader(body), int64(len(body)), minio.PutObjectOptions{SendContentMd5: true, DisableMultipart: true})
			return err
		})
	}
	remove := func() {
		t.Helper()
		objects := make(chan minio.ObjectInfo)
		go func() {
			defer close(objects)
			for i := range names {
				objects <- minio.ObjectInfo{Key: key(i)}
			}
		}()
		for e := range r.host.client.RemoveObjects(r.ctx, r.bucket, objects, minio.RemoveObjectsOptions{}) {
			t.Fatal(e.Err)
		}
	}
	r.work(func() { write(strings.Repeat("pack ", 40)) })
	good := r.now
	r.later(Day)
	write(strings.Repeat("rubbish ", 25))
	remove()
	r.later(time.Hour)

	c := &census{}
	via := func(id s3test.Identity) *Store {
		return r.storeVia(id, c, WithClock(func() time.Time { return r.now }))
	}
	keeper, admin := via(r.srv.Host2), via(r.srv.Admin)
	entries := 3 * names
	pages := entries/1000 + 300 // and one for each prefix, if they are listed in parallel
	// History reads the newest 4096 small objects, and what was overwritten among them.
	const read = readMost + 100
	bounded := func(what string, mib int, limits map[string]int) {
		t.Helper()
		t.Logf("%s of %d versions: %v requests, %d KiB more live", what, entries, c.requests, c.grown()>>10)
		if c.grown() > uint64(mib)<<20 {
			t.Errorf("%s: %d MiB more live", what, c.grown()>>20)
		}
		for method, n := range c.requests {
			if n > limits[method] {
				t.Errorf("%s: %d requests %s, no more than %d expected", what, n, method, limits[method])
			}
		}
	}

	c.reset()
	h, err := keeper.History(r.ctx, r.bucket, HistoryOptions{})
	if err != nil || h.Total < names || h.LastGood.Before(good.Add(-2*time.Hour)) || h.LastGood.After(good.Add(Day)) {
		t.Fatalf("%v: %d signs, last good %s; %v", err, h.Total, h.LastGood, h.Suspicions[:min(len(h.Suspicions), 8)])
	}
	// It holds a mark for each version that overwrote another, up to 2*mostMarks. What is
	// live beside that is also of the tests that run at the same time.
	marks := min(names, 2*mostMarks)
	bounded("history", 22+marks*bytesPerMark>>20, map[string]int{http.MethodGet: 2*pages + read, http.MethodHead: 100, http.MethodPost: 10})

	c.reset()
	ledger, err := OpenRenewLedger(r.ledger)
	if err != nil {
		t.Fatal(err)
	}
	res, err := keeper.Renew(r.ctx, r.bucket, RenewOptions{Ledger: ledger})
	if err != nil || res.Frozen == "" || res.Needed < int64(2*names) || res.Failed > 0 || !res.Kept() {
		t.Fatalf("%v %+v", err, res)
	}
	if err := ledger.Close(); err != nil {
		t.Fatal(err)
	}
	bounded("renewal", 32, map[string]int{http.MethodGet: 3*pages + read, http.MethodPut: 2*names + 100, http.MethodHead: 1000, http.MethodPost: 10})

	// While all is locked, a drop finds that out and removes nothing.
	c.reset()
	r.srv.ResetRequests(t)
	if _, err := admin.DropVersions(r.ctx, r.bucket, DropOptions{}); err == nil || errors.Is(err, ErrUnreachable) {
		t.Errorf("a drop of what is locked: %v", err)
	}
	bounded("drop of what is locked", 48, map[string]int{http.MethodGet: 4*pages + 100, http.MethodHead: 1000, http.MethodPost: 100, http.MethodPut: 20})

	// The refusal cancelled other batches. A busy server carries them out later, and
	// would do so after the locks have ended: they are waited for, as far as they
	// reached it.
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		answered := 0
		for _, q := range r.srv.Requests(t) {
			if q.Method == http.MethodPost {
				answered++
			}
		}
		if answered >= c.requests[http.MethodPost] {
			break
		}
	}
	// Without lifecycle, and after the locks.
	if err := r.admin.putRules(r.ctx, r.bucket, nil, 0); err != nil {
		t.Fatal(err)
	}
	r.later(60 * Day)
	c.reset()
	dropped, err := admin.DropVersions(r.ctx, r.bucket, DropOptions{})
	if err != nil || dropped.OldVersions < int64(2*names) || dropped.DeleteMarkers < int64(names) {
		t.Fatalf("%v %+v", err, dropped)
	}
	states, err := admin.States(r.ctx, r.bucket)
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range states { // what the bucket has locked is hidden
		if st.IsLatest != (st.VersionID == dropped.State.VersionID) {
			t.Errorf("after the drop there is the state %+v", st)
		}
	}
	bounded("drop", 32, map[string]int{http.MethodGet: 4*pages + 100, http.MethodHead: 1000, http.MethodPost: entries/10 + 100, http.MethodPut: 20, http.MethodDelete: 50})
}
