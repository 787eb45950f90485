package histories

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	_ "github.com/cesnet/rwm/internal/harness/cheapkeys"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

// world is a policed bucket with its hosts and its admin. Everything random in it
// comes from r, so that a seed names a history.
type world struct {
	*testing.T
	ctx      context.Context
	r        *rand.Rand
	srv      *queued
	bucket   string
	password string // the one the admin knows
	dir      string
	hosts    []*host
	base     http.RoundTripper
	admin    *minio.Client
	raw      *minio.Client // with the host's keys, which an attacker has too
	truth    truth
	hasty    bool      // runs do not wait for what does not come
	reviewed time.Time // until when the admin has looked at the history
	begun    []func()  // complete the attacker's uploads

	mu     sync.Mutex
	offset time.Duration // of the server's clock from ours
	days   time.Duration // that were let pass at once, see waitDays
	log    []string
}

// host is a machine that is backed up.
type host struct {
	name  string
	dir   string
	skew  time.Duration // of its clock from the server's
	files map[string][]byte
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newWorld(t *testing.T, srv *queued, seed uint64) *world {
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	w := &world{
		T: t, ctx: t.Context(), r: rand.New(rand.NewPCG(seed, 12)), srv: srv, bucket: srv.Bucket(t),
		password: "of the first day", dir: t.TempDir(), truth: newTruth(),
	}
	w.base = &dated{transport, w}
	w.admin, w.raw = srv.ClientVia(t, srv.Admin, w.base), srv.ClientVia(t, srv.Host, w.base)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d, server %q:\n%s", seed, srv.dialect, strings.Join(w.log, "\n"))
		}
	})
	w.setClock()
	for i := range 1 + w.r.IntN(3) {
		h := &host{name: fmt.Sprintf("host%d", i), skew: time.Duration(w.r.IntN(1800)-900) * time.Second, files: map[string][]byte{}}
		h.dir = filepath.Join(w.dir, h.name)
		if !srv.Controlled() {
			h.skew /= 100
		}
		w.hosts = append(w.hosts, h)
		w.change(h)
		w.change(h)
	}
	return w
}

// mostOff is how far the server's clock is from ours at most. restic writes our time
// into its locks, and a host whose clock is a day off is not an honest one.
const mostOff = 10 * time.Hour

func (w *world) setClock() {
	if !w.srv.Controlled() {
		return
	}
	for range 10 {
		before := time.Now()
		w.srv.SetClock(w, before.Add(-mostOff))
		w.offset = -mostOff
		if took := time.Since(before); took < 300*time.Millisecond {
			return
		}
	}
	w.Fatal("the server's clock takes too long to set")
}

// now is the server's time, give or take what a request takes.
func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.offset)
}

// pass lets time pass, on a real server only as much as tells times apart.
func (w *world) pass(d time.Duration) {
	if !w.srv.Controlled() {
		time.Sleep(min(d, 1500*time.Millisecond))
		return
	}
	w.mu.Lock()
	ahead := w.offset + d
	w.mu.Unlock()
	if ahead > mostOff+w.days {
		d = max(time.Second, d/1000)
	}
	w.srv.AdvanceClock(w, d)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.offset += d
}

// waitDays lets days pass in which nothing happens, but by the server itself.
func (w *world) waitDays(n int) {
	d := time.Duration(n) * s3state.Day
	w.mu.Lock()
	w.days += d
	w.mu.Unlock()
	w.pass(d)
}

// note says what happens, for a history that fails.
func (w *world) note(format string, args ...any) {
	line := w.now().UTC().Format("15:04:05.000  ") + fmt.Sprintf(format, args...)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, line)
}

// dated gives answers the date of the server's clock, as a real server does.
type dated struct {
	http.RoundTripper
	w *world
}

func (d *dated) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := d.RoundTripper.RoundTrip(req)
	if err == nil && d.w.srv.Controlled() {
		resp.Header.Set("Date", d.w.now().UTC().Format(http.TimeFormat))
	}
	return resp, err
}

// through are what a run of the host can be disturbed by.
type through struct {
	rt   http.RoundTripper
	opts []restic.Option
}

func (w *world) manager(id s3test.Identity, password string, skew time.Duration, via through) *rwm.Manager {
	w.Helper()
	if via.rt == nil {
		via.rt = w.base
	}
	if w.hasty {
		via.opts = append(via.opts, restic.WithRetryFor(0))
	}
	m, err := rwm.New(&rwm.Config{ResticBucket: w.bucket, ResticPassword: password, LockPath: filepath.Join(w.dir, "rwm.lock")},
		rwm.WithClient(w.srv.ClientVia(w, id, via.rt)), rwm.WithTransport(via.rt),
		rwm.WithClock(func() time.Time { return w.now().Add(skew) }),
		rwm.WithSessionOptions(append([]restic.Option{restic.WithoutCache()}, via.opts...)...))
	must(w, err)
	return m
}

// manages is the admin's, with the password or without.
func (w *world) manages(password string) *rwm.Manager {
	return w.manager(w.srv.Admin, password, 0, through{})
}

func (w *world) of(h *host, via through) *rwm.Manager {
	return w.manager(w.srv.Host, w.password, h.skew, via)
}

// with gives fn a session of the host's.
func (w *world) with(h *host, via through, fn func(*restic.Session) error) error {
	s, err := w.of(h, via).OpenRepository(w.ctx, restic.WithHostname(h.name))
	if err != nil {
		return err
	}
	return errors.Join(fn(s), s.Close())
}

// What anybody with keys can do:

// objects are the bucket's as the owner of c's keys sees them.
func (w *world) objects(c *minio.Client) s3test.Objects {
	return s3test.Objects{TB: w.T, Client: c, Bucket: w.bucket}
}

func (w *world) keys(prefix string) []string { w.Helper(); return w.objects(w.raw).Keys(prefix) }
func (w *world) get(key string) []byte       { w.Helper(); return w.objects(w.raw).Get(key) }
func (w *world) remove(key string)           { w.Helper(); w.objects(w.raw).Remove(key) }
func (w *world) put(c *minio.Client, key string, body []byte) {
	w.Helper()
	w.objects(c).Put(key, body)
}

// multipart writes an object as an upload of one part.
func (w *world) multipart(c *minio.Client, key string, body []byte) {
	w.Helper()
	core := minio.Core{Client: c}
	id, err := core.NewMultipartUpload(w.ctx, w.bucket, key, minio.PutObjectOptions{})
	must(w, err)
	part, err := core.PutObjectPart(w.ctx, w.bucket, key, id, 1, bytes.NewReader(body), int64(len(body)), minio.PutObjectPartOptions{})
	must(w, err)
	_, err = core.CompleteMultipartUpload(w.ctx, w.bucket, key, id,
		[]minio.CompletePart{{PartNumber: 1, ETag: part.ETag}}, minio.PutObjectOptions{})
	must(w, err)
}

func (w *world) versions(prefix string) (all []s3state.Version) {
	w.Helper()
	for v, err := range w.manages("").Storage().Versions(w.ctx, w.bucket, prefix) {
		must(w, err)
		all = append(all, v)
	}
	return all
}

func (w *world) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(w.r.Uint32())
	}
	return b
}

// some picks a part of a list, at least one of it if there is one.
func some[T any](w *world, list []T) []T {
	w.r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	if len(list) == 0 || w.r.IntN(3) == 0 {
		return list
	}
	return list[:1+w.r.IntN(len(list))]
}

func one[T any](w *world, list []T) T { return list[w.r.IntN(len(list))] }
