package scrypt

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/crypto/scrypt"

	"github.com/cesnet/rwm/internal/harness"
)

// Whatever the costs, the key is the one that restic's library derives.
func TestSameKey(t *testing.T) {
	seed := harness.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, p := range []Params{{2, 1, 1}, {16, 1, 1}, {1024, 8, 16}, {1 << 15, 8, 2}, {2, 33, 7}, {64, 3, 40}} {
		salt := make([]byte, rng.IntN(80))
		for i := range salt {
			salt[i] = byte(rng.Uint32())
		}
		password := string(salt[len(salt)/2:]) + "p"
		want, err := scrypt.Key([]byte(password), salt, p.N, p.R, p.P, 64)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Key(t.Context(), p, salt, password, 64)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%+v: %x %v, want %x", p, got, err, want)
		}
	}
}

func TestCostsOutOfRange(t *testing.T) {
	for _, p := range []Params{{}, {1, 8, 1}, {3, 8, 1}, {-2, 8, 1}, {2, 0, 1}, {2, 8, 0}, {2, 8, -1}, {2, 1 << 20, 1 << 20}, {1 << 62, 1 << 20, 1}} {
		if key, err := Key(t.Context(), p, nil, "", 64); err == nil {
			t.Errorf("%+v: %x", p, key)
		}
	}
}

// Of restic's keys, three lanes at most are in memory; a large one is alone.
func TestLanesAtOnce(t *testing.T) {
	for _, c := range []struct {
		n, r, p, processors int
		alone, pairs        []int // where a worker mixes one lane, or up to two
	}{
		{1 << 15, 8, 6, 1, []int{1}, []int{2}},
		{1 << 15, 8, 6, 2, []int{1, 1}, []int{2, 1}},
		{1 << 15, 8, 6, 64, []int{1, 1, 1}, []int{2, 1}},
		{1 << 15, 8, 4, 64, []int{1, 1}, []int{2}}, // three would take two turns as well
		{1 << 15, 8, 1, 64, []int{1}, []int{1}},
		{1 << 20, 8, 6, 64, []int{1}, []int{1}},
		{2, 1, 6, 64, []int{1, 1, 1, 1, 1, 1}, []int{2, 2, 2}},
		{2, 1, 7, 4, []int{1, 1, 1, 1}, []int{2, 2, 2, 1}},
	} {
		p := Params{c.n, c.r, c.p}
		if got := p.workers(c.processors, 1); !slices.Equal(got, c.alone) {
			t.Errorf("%+v, one at a time: %d", c, got)
		}
		if got := p.workers(c.processors, 2); !slices.Equal(got, c.pairs) {
			t.Errorf("%+v, in pairs: %d", c, got)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if key, err := Key(ctx, Params{1 << 14, 8, 1000}, nil, "", 64); !errors.Is(err, context.Canceled) {
		t.Error(key, err)
	}
}

func BenchmarkKey(b *testing.B) {
	for b.Loop() {
		if _, err := Key(b.Context(), Params{1 << 15, 8, 6}, make([]byte, 64), "password", 64); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLibrary(b *testing.B) {
	for b.Loop() {
		if _, err := scrypt.Key([]byte("password"), make([]byte, 64), 1<<15, 8, 6, 64); err != nil {
			b.Fatal(err)
		}
	}
}
