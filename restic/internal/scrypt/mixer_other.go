//go:build !amd64

package scrypt

import (
	"crypto/subtle"
	"encoding/binary"

	//lint:ignore SA1019 scrypt is defined by this core function; an AEAD cannot replace it
	"golang.org/x/crypto/salsa20/salsa"
)

// together is how many lanes a mixer can mix at the same time.
const together = 1

// mixer is the memory for one lane.
type mixer struct {
	n, width int
	table    []byte // the n states of the first half
	x, y     []byte
}

func newMixer(p Params, _ int) *mixer {
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
