//go:build linux

package fusemount

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/blobload"
	"github.com/cesnet/rwm/restic"
)

func testLoader(t *testing.T, src source, budget int64) (*loader, *logText) {
	t.Helper()
	log := &logText{}
	l := newLoader(src, log.logger(), budget, 5*time.Second)
	t.Cleanup(l.close)
	return l, log
}

// logText collects a log.
type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logText) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// copyOf wants, waits, copies and releases.
func (l *loader) copyOf(t *testing.T, h restic.BlobHandle) ([]byte, error) {
	t.Helper()
	b := l.want(h)
	defer l.release(b, false)
	if err := l.wait(t.Context(), b); err != nil {
		return nil, err
	}
	return bytes.Clone(b.Data), nil
}

func TestConcurrentReadersShareOneLoad(t *testing.T) {
	src := newFake()
	h := src.add(1, restic.BlobData, []byte("zero"), []byte("one"))[1]
	src.hang = make(chan struct{})
	l, _ := testLoader(t, src, 1<<20)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if got, err := l.copyOf(t, h); err != nil || string(got) != "one" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	close(src.hang)
	wg.Wait()
	if n := src.loads.Load(); n != 1 {
		t.Errorf("%d loads", n)
	}
	if _, err := l.copyOf(t, h); err != nil || src.loads.Load() != 1 {
		t.Errorf("it was not kept: %v", err)
	}
}

func TestNeighboursShareOneRequest(t *testing.T) {
	src := newFake()
	var handles []restic.BlobHandle
	for i := range 10 {
		handles = append(handles, src.add(1, restic.BlobData, random(uint64(i), 1000))...)
	}
	src.add(1, restic.BlobData, random(99, blobload.LargestGap+1))
	far := src.add(1, restic.BlobData, []byte("far"))[0]
	other := src.add(2, restic.BlobData, []byte("other pack"))[0]
	l, _ := testLoader(t, src, 1<<20)
	l.prefetch(append([]restic.BlobHandle{other, far}, handles...), 1<<20, nil)
	for _, h := range append(handles, far, other) {
		if _, err := l.copyOf(t, h); err != nil {
			t.Error(err)
		}
	}
	if n := src.loads.Load(); n != 3 {
		t.Errorf("%d requests, not 3: neighbours, one too far away, and another pack", n)
	}
}

func TestDemandGoesFirst(t *testing.T) {
	src := newFake()
	var ahead []restic.BlobHandle
	for i := range 40 {
		ahead = append(ahead, src.add(byte(10+i), restic.BlobData, random(uint64(i), 100))...)
	}
	wanted := src.add(1, restic.BlobData, []byte("wanted"))[0]
	src.hang = make(chan struct{})
	l, _ := testLoader(t, src, 1<<20)
	l.prefetch(ahead, 1<<20, nil)
	b, last := l.want(wanted), l.want(ahead[39])
	// Two of eight connections are left for demand; last is not waiting for its turn.
	if u := l.Usage(); u.Running > l.Connections() || u.Demanded != 0 || u.Running+u.Ahead != 41 || u.Ahead != 33 {
		t.Errorf("%d connections, %+v", l.Connections(), u)
	}
	close(src.hang)
	for _, b := range []*blob{b, last} {
		if err := l.wait(t.Context(), b); err != nil {
			t.Error(err)
		}
		l.release(b, true)
	}
	if most := src.most.Load(); most > 8 {
		t.Errorf("%d loads at a time over 8 connections", most)
	}
}

func TestBudgetAndContentUnderLoad(t *testing.T) {
	src := newFake()
	src.delay = 100 * time.Microsecond
	var handles []restic.BlobHandle
	var plain [][]byte
	for i := range 300 {
		text := random(uint64(i), 1+int(rand.Uint64N(60_000)))
		plain = append(plain, text)
		handles = append(handles, src.add(byte(i/30), restic.BlobData, text)...)
	}
	const budget = 1 << 20
	l, _ := testLoader(t, src, budget)
	var wg sync.WaitGroup
	for reader := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(reader)))
			for range 400 {
				i := r.IntN(len(handles))
				if r.IntN(3) == 0 {
					l.prefetch(handles[i:min(i+20, len(handles))], 1<<18, nil)
				}
				b := l.want(handles[i])
				if err := l.wait(context.Background(), b); err != nil {
					t.Error(err)
				} else if !bytes.Equal(b.Data, plain[i]) {
					t.Errorf("blob %d has other bytes", i)
				}
				l.release(b, r.IntN(2) == 0)
			}
		})
	}
	wg.Wait()
	deadline := time.Now().Add(10 * time.Second)
	for {
		u := l.Usage()
		idle, used := u.Running == 0 && u.Demanded == 0, u.Used
		if idle {
			// what a reader demands may go over the budget while it holds it
			if used > budget+8*64<<10 {
				t.Errorf("%d bytes in memory of %d", used, budget)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("loads do not end")
		}
		time.Sleep(time.Millisecond)
	}
	if u := l.Usage(); u.Held != u.Used {
		t.Errorf("%d bytes accounted for, %d in blobs", u.Used, u.Held)
	}
}

func TestDamageIsAnErrorAndAnotherCopyServes(t *testing.T) {
	src := newFake()
	good, bad, twice := []byte("good"), []byte("bad"), []byte("twice")
	h := src.add(1, restic.BlobData, good, bad, twice)
	src.add(2, restic.BlobData, twice)
	pack := src.packs[restic.ID{1}]
	for _, text := range [][]byte{bad, twice} {
		pack[bytes.Index(pack, text)] ^= 1
	}
	l, log := testLoader(t, src, 1<<20)
	l.prefetch(h, 1<<20, nil) // all three in one request
	if got, err := l.copyOf(t, h[0]); err != nil || !bytes.Equal(got, good) {
		t.Errorf("beside the damage: %q, %v", got, err)
	}
	if _, err := l.copyOf(t, h[1]); !errors.Is(err, restic.ErrDamaged) {
		t.Errorf("damaged: %v", err)
	}
	if got, err := l.copyOf(t, h[2]); err != nil || !bytes.Equal(got, twice) {
		t.Errorf("with another copy: %q, %v", got, err)
	}
	for _, want := range []string{h[1].ID.String(), restic.ID{1}.String()} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s is not in the log:\n%s", want, log)
		}
	}
	if strings.Contains(log.String(), sumOf(good)) {
		t.Errorf("the good blob is in the log:\n%s", log)
	}
	// repaired meanwhile
	pack[bytes.Index(pack, bad[1:])-1] ^= 1
	if got, err := l.copyOf(t, h[1]); err != nil || !bytes.Equal(got, bad) {
		t.Errorf("after the repair: %q, %v", got, err)
	}
}

func sumOf(plain []byte) string { return restic.ID(sha256.Sum256(plain)).String() }

func TestSignalsDoNotEndALoad(t *testing.T) {
	src := newFake()
	h := src.add(1, restic.BlobData, []byte("late"))[0]
	src.hang = make(chan struct{})
	l, _ := testLoader(t, src, 1<<20)
	ctx, signal := context.WithCancel(t.Context())
	signal()
	time.AfterFunc(50*time.Millisecond, func() { close(src.hang) })
	b := l.want(h)
	if err := l.wait(ctx, b); err != nil {
		t.Error(err)
	}
	l.release(b, false)
}

func TestCloseEndsEverything(t *testing.T) {
	src := newFake()
	h := src.add(1, restic.BlobData, []byte("never"), []byte("asked later"))
	src.hang = make(chan struct{})
	l, _ := testLoader(t, src, 1<<20)
	b := l.want(h[0])
	l.close()
	if err := l.wait(t.Context(), b); !errors.Is(err, errEnded) {
		t.Error(err)
	}
	l.release(b, false)
	if _, err := l.copyOf(t, h[1]); !errors.Is(err, errEnded) {
		t.Error(err)
	}
}

func TestUnknownBlob(t *testing.T) {
	l, log := testLoader(t, newFake(), 1<<20)
	if _, err := l.copyOf(t, restic.BlobHandle{Type: restic.BlobData, ID: restic.ID{7}}); !errors.Is(err, errMissing) {
		t.Error(err)
	}
	if !strings.Contains(log.String(), restic.ID{7}.String()) {
		t.Errorf("not in the log: %s", log)
	}
}

func TestClasses(t *testing.T) {
	for n := 1; n < 20<<20; n += 1 + n/7 {
		if c := class(n); c < n || (n > smallestClass && c > n+n/4+1) || class(c) != c {
			t.Errorf("%d bytes get %d", n, class(n))
		}
	}
	var b buffers
	x, y := b.Get(100_000), b.Get(100_000)
	x[0], y[0] = 1, 2
	if x[0] != 1 {
		t.Error("two buffers share memory")
	}
	b.Put(x)
	if z := b.Get(99_999); &z[0] != &x[0] {
		t.Error("a buffer is not used again")
	}
}

func TestWaitingEnds(t *testing.T) {
	src := newFake()
	src.hang = make(chan struct{})
	defer close(src.hang)
	var stuck []restic.BlobHandle
	for i := range 30 {
		stuck = append(stuck, src.add(byte(i), restic.BlobData, random(uint64(i), 100))...)
	}
	l := newLoader(src, slog.New(slog.DiscardHandler), 1<<20, 300*time.Millisecond)
	t.Cleanup(l.close)
	var wg sync.WaitGroup
	for _, h := range stuck {
		wg.Go(func() {
			if _, err := l.copyOf(t, h); err == nil {
				t.Error("it was delivered")
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("readers hang")
	}
}
