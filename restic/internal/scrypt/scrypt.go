// Package scrypt derives keys as RFC 7914 says, several lanes at a time.
//
// The cost parameter p of a key is a number of independent passes. restic gives a new
// key as many as take its machine half a second (five or six on common ones), and goes
// through them one after the other. Opening a repository can do nothing else meanwhile,
// so they are spread over the processors here; the result is the same.
package scrypt

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	//lint:ignore SA1019 scrypt is defined by this core function; an AEAD cannot replace it
	"golang.org/x/crypto/salsa20/salsa"
)

// maxMemory bounds what the lanes that run at the same time use together: three of a
// key that restic makes. A single one may use more.
const maxMemory = 96 << 20

// block is what the core function works on.
const block = 64

// Params are the costs of a derivation.
type Params struct{ N, R, P int }

func (p Params) check() error {
	const most = 1 << 30
	switch {
	case p.N <= 1 || p.N&(p.N-1) != 0:
		return fmt.Errorf("scrypt: N=%d is not a power of two above 1", p.N)
	case p.R <= 0 || p.P <= 0 || p.R >= most/p.P:
		return fmt.Errorf("scrypt: r=%d p=%d are out of range", p.R, p.P)
	case p.N > (1<<62)/128/p.R:
		return fmt.Errorf("scrypt: N=%d r=%d need too much memory", p.N, p.R)
	}
	return nil
}

// atOnce is how many lanes run at the same time: no more than make it faster.
func (p Params) atOnce(processors int) int {
	most := max(1, min(p.P, processors, maxMemory/(128*p.R)/p.N))
	turns := (p.P + most - 1) / most
	return (p.P + turns - 1) / turns
}

// Key derives size bytes from a password. Cancelling the context ends it after the
// lanes that are running.
func Key(ctx context.Context, p Params, salt []byte, password string, size int) ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	width := 128 * p.R
	lanes, err := pbkdf2.Key(sha256.New, password, salt, 1, p.P*width)
	if err != nil {
		return nil, err
	}
	atOnce := p.atOnce(runtime.GOMAXPROCS(0))
	var next atomic.Int64
	var group sync.WaitGroup
	for range atOnce {
		group.Go(func() {
			m := newMixer(p)
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= p.P {
					return
				}
				m.mix(lanes[i*width : (i+1)*width])
			}
		})
	}
	group.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return pbkdf2.Key(sha256.New, password, lanes, 1, size)
}

// mixer is the memory for one lane at a time.
type mixer struct {
	n, width int
	table    []byte // the n states of the first half
	x, y     []byte
}

func newMixer(p Params) *mixer {
	width := 128 * p.R
	return &mixer{n: p.N, width: width, table: make([]byte, p.N*width), x: make([]byte, width), y: make([]byte, width)}
}

// mix is scryptROMix: it fills the table with n states, then goes n times to the one
// that its own state names.
func (m *mixer) mix(lane []byte) {
	copy(m.x, lane)
	for i := range m.n {
		copy(m.table[i*m.width:], m.x)
		m.step()
	}
	for range m.n {
		// n is a power of two and at most 2^31 or so: the lowest bits choose
		j := int(binary.LittleEndian.Uint64(m.x[m.width-block:]) & uint64(m.n-1))
		subtle.XORBytes(m.x, m.x, m.table[j*m.width:(j+1)*m.width])
		m.step()
	}
	copy(lane, m.x)
}

// step is scryptBlockMix: every block is mixed with the result of the one before, the
// first one with the last; results with even numbers go into the first half.
func (m *mixer) step() {
	var t [block]byte
	copy(t[:], m.x[m.width-block:])
	half := m.width / 2
	for i, at := 0, 0; at < m.width; i, at = i+1, at+block {
		subtle.XORBytes(t[:], t[:], m.x[at:at+block])
		salsa.Core208(&t, &t)
		copy(m.y[i%2*half+i/2*block:], t[:])
	}
	m.x, m.y = m.y, m.x
}
