//go:build linux

package fusemount

import (
	"bytes"
	"context"
	"crypto/sha256"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/blobfake"
	"github.com/cesnet/rwm/restic"
)

func testLoader(t *testing.T, src source, budget int64) (*loader, *blobfake.Log) {
	t.Helper()
	log := &blobfake.Log{}
	l := newLoader(src, log.Logger(), budget, 5*time.Second)
	t.Cleanup(l.close)
	return l, log
}

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

func sumOf(plain []byte) string { return restic.ID(sha256.Sum256(plain)).String() }

func TestSignalsDoNotEndALoad(t *testing.T) {
	src := &fake{}
	h := src.Add(1, restic.BlobData, []byte("late"))[0]
	src.Hang = make(chan struct{})
	l, _ := testLoader(t, src, 1<<20)
	ctx, signal := context.WithCancel(t.Context())
	signal()
	time.AfterFunc(50*time.Millisecond, func() { close(src.Hang) })
	b := l.want(h)
	if err := l.wait(ctx, b); err != nil {
		t.Error(err)
	}
	l.release(b, false)
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
	src := &fake{}
	src.Hang = make(chan struct{})
	defer close(src.Hang)
	var stuck []restic.BlobHandle
	for i := range 30 {
		stuck = append(stuck, src.Add(byte(i), restic.BlobData, random(uint64(i), 100))...)
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
