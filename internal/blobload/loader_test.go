package blobload

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/blobfake"
)

var errEnded = errors.New("the end")

func testLoader(t *testing.T, src *fake, budget int64) (*Loader, *blobfake.Log) {
	t.Helper()
	log := &blobfake.Log{}
	l := New(t.Context(), src.Adapter, Options{Log: log.Logger(), Budget: budget, Timeout: 5 * time.Second})
	t.Cleanup(func() { l.Close(errEnded); l.Wait() })
	return l, log
}

func wait(b *Blob) error {
	<-b.Ready()
	return b.Err
}

// copyOf wants, waits, copies and releases.
func copyOf(t *testing.T, l *Loader, h Handle) ([]byte, error) {
	t.Helper()
	b := l.Want(h)
	defer l.Release(b, false)
	if err := wait(b); err != nil {
		return nil, err
	}
	return bytes.Clone(b.Data), nil
}

func random(seed uint64, n int) []byte {
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	text := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(text)
	return text
}

func TestConcurrentReadersShareOneLoad(t *testing.T) {
	src := newFake()
	h := src.add(1, []byte("zero"), []byte("one"))[1]
	src.Hang = make(chan struct{})
	l, _ := testLoader(t, src, 1<<20)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if got, err := copyOf(t, l, h); err != nil || string(got) != "one" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	close(src.Hang)
	wg.Wait()
	if n := src.Loads.Load(); n != 1 {
		t.Errorf("%d loads", n)
	}
	if _, err := copyOf(t, l, h); err != nil || src.Loads.Load() != 1 {
		t.Errorf("it was not kept: %v", err)
	}
}

func TestNeighboursShareOneRequest(t *testing.T) {
	src := newFake()
	var handles []Handle
	for i := range 10 {
		handles = append(handles, src.add(1, random(uint64(i), 1000))...)
	}
	src.add(1, random(99, LargestGap+1))
	far := src.add(1, []byte("far"))[0]
	other := src.add(2, []byte("other pack"))[0]
	l, _ := testLoader(t, src, 1<<20)
	l.Prefetch(append([]Handle{other, far}, handles...), 1<<20, nil)
	for _, h := range append(handles, far, other) {
		if _, err := copyOf(t, l, h); err != nil {
			t.Error(err)
		}
	}
	if n := src.Loads.Load(); n != 3 {
		t.Errorf("%d requests, not 3: neighbours, one too far away, and another pack", n)
	}
}

func TestDemandGoesFirst(t *testing.T) {
	src := newFake()
	var ahead []Handle
	for i := range 40 {
		ahead = append(ahead, src.add(byte(10+i), random(uint64(i), 100))...)
	}
	wanted := src.add(1, []byte("wanted"))[0]
	src.Hang = make(chan struct{})
	l, _ := testLoader(t, src, 1<<20)
	l.Prefetch(ahead, 1<<20, nil)
	b, last := l.Want(wanted), l.Want(ahead[39])
	// Two of eight connections are left for demand; last is not waiting for its turn.
	if u := l.Usage(); u.Running > l.Connections() || u.Demanded != 0 || u.Running+u.Ahead != 41 || u.Ahead != 33 {
		t.Errorf("%d connections, %+v", l.Connections(), u)
	}
	close(src.Hang)
	for _, b := range []*Blob{b, last} {
		if err := wait(b); err != nil {
			t.Error(err)
		}
		l.Release(b, true)
	}
	if most := src.Most.Load(); most > 8 {
		t.Errorf("%d loads at a time over 8 connections", most)
	}
}

func TestBudgetAndContentUnderLoad(t *testing.T) {
	src := newFake()
	src.Delay = 100 * time.Microsecond
	var handles []Handle
	var plain [][]byte
	for i := range 300 {
		text := random(uint64(i), 1+int(rand.Uint64N(60_000)))
		plain = append(plain, text)
		handles = append(handles, src.add(byte(i/30), text)...)
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
					l.Prefetch(handles[i:min(i+20, len(handles))], 1<<18, nil)
				}
				b := l.Want(handles[i])
				if err := wait(b); err != nil {
					t.Error(err)
				} else if !bytes.Equal(b.Data, plain[i]) {
					t.Errorf("blob %d has other bytes", i)
				}
				l.Release(b, r.IntN(2) == 0)
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
	h := src.add(1, good, bad, twice)
	src.add(2, twice)
	pack := src.Packs[id{1}]
	for _, text := range [][]byte{bad, twice} {
		pack[bytes.Index(pack, text)] ^= 1
	}
	l, log := testLoader(t, src, 1<<20)
	l.Prefetch(h, 1<<20, nil) // all three in one request
	if got, err := copyOf(t, l, h[0]); err != nil || !bytes.Equal(got, good) {
		t.Errorf("beside the damage: %q, %v", got, err)
	}
	if _, err := copyOf(t, l, h[1]); !errors.Is(err, blobfake.ErrDamaged) {
		t.Errorf("damaged: %v", err)
	}
	if got, err := copyOf(t, l, h[2]); err != nil || !bytes.Equal(got, twice) {
		t.Errorf("with another copy: %q, %v", got, err)
	}
	for _, want := range []string{hex(h[1].ID), hex([32]byte{1})} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s is not in the log:\n%s", want, log)
		}
	}
	if strings.Contains(log.String(), sumOf(good)) {
		t.Errorf("the good blob is in the log:\n%s", log)
	}
	// repaired meanwhile
	pack[bytes.Index(pack, bad[1:])-1] ^= 1
	if got, err := copyOf(t, l, h[1]); err != nil || !bytes.Equal(got, bad) {
		t.Errorf("after the repair: %q, %v", got, err)
	}
}

func sumOf(plain []byte) string { return hex(sha256.Sum256(plain)) }

func TestCloseEndsEverything(t *testing.T) {
	src := newFake()
	h := src.add(1, []byte("never"), []byte("asked later"))
	src.Hang = make(chan struct{})
	l, _ := testLoader(t, src, 1<<20)
	b := l.Want(h[0])
	l.Close(errEnded)
	if err := wait(b); !errors.Is(err, errEnded) {
		t.Error(err)
	}
	l.Release(b, false)
	if _, err := copyOf(t, l, h[1]); !errors.Is(err, errEnded) {
		t.Error(err)
	}
}

func TestUnknownBlob(t *testing.T) {
	l, log := testLoader(t, newFake(), 1<<20)
	if _, err := copyOf(t, l, Handle{ID: [32]byte{7}}); !errors.Is(err, ErrMissing) {
		t.Error(err)
	}
	if !strings.Contains(log.String(), hex([32]byte{7})) {
		t.Errorf("not in the log: %s", log)
	}
}

// Neighbours in a pack share a request: not over a large gap, nor where they overlap or
// the request would be too long. What has no place stays alone.
func TestRuns(t *testing.T) {
	const largest = 8 << 20
	pack := func(n byte) [32]byte { return [32]byte{n} }
	places := []Place{
		{Pack: pack(2), Offset: 0, Length: 10},
		{Pack: pack(1), Offset: 100, Length: 10},
		{Pack: pack(1), Offset: 0, Length: 100},
		{Pack: pack(1), Offset: 110 + LargestGap, Length: 5},
		{Pack: pack(1), Offset: 116 + 2*LargestGap, Length: 5},
		{}, {},
		{Pack: pack(2), Offset: 5, Length: 10}, // overlaps the first
		{Pack: pack(3), Offset: 0, Length: largest},
		{Pack: pack(3), Offset: largest, Length: 1},
	}
	var got []string
	for _, run := range Runs([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, func(i int) Place { return places[i] }, largest) {
		got = append(got, fmt.Sprint(run))
	}
	if want := []string{"[0]", "[2 1 3]", "[4]", "[5]", "[6]", "[7]", "[8]", "[9]"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
