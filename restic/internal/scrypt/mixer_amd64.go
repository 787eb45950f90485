package scrypt

import "encoding/binary"

// together is how many lanes a mixer can mix at the same time.
const together = 2

// stepPair is scryptBlockMix of src XOR mask, for two lanes at the same time. No dst
// may overlap another slice. The words of all blocks are ordered as diagonal says.
//
//go:noescape
func stepPair(dst0, src0, mask0, dst1, src1, mask1 *byte, width int)

// diagonal is the order of a block's words in which its rounds work on whole vectors:
// the diagonal, and those beside it.
var diagonal = [16]int{0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11}

// mixer is the memory for one lane or two.
type mixer struct {
	n, width int
	zero     []byte // a mask
	lanes    [together]laneState
}

type laneState struct {
	table []byte // the n states of the first half; empty for a lane that is not wanted
	x, y  []byte
}

func newMixer(p Params, lanes int) *mixer {
	width := 128 * p.R
	m := &mixer{n: p.N, width: width, zero: make([]byte, width)}
	for i := range m.lanes {
		l := &m.lanes[i]
		l.x, l.y = make([]byte, width), make([]byte, width)
		if i < lanes {
			l.table = make([]byte, p.N*width)
		}
	}
	return m
}

// mix is scryptROMix of one lane or two: it fills the table with n states, then goes n
// times to the one that its own state names. A second lane that is not wanted mixes
// what nobody reads, which takes no time beside the first.
func (m *mixer) mix(lanes []byte) {
	one, two := &m.lanes[0], &m.lanes[1]
	alone := len(lanes) == m.width
	first := one.state
	second := two.state
	if alone {
		second = two.either
	}
	one.take(first(0), lanes[:m.width])
	if !alone {
		two.take(second(0), lanes[m.width:])
	}
	for i := range m.n {
		stepPair(&first(i + 1)[0], &first(i)[0], &m.zero[0], &second(i + 1)[0], &second(i)[0], &m.zero[0], m.width)
	}
	for i := range m.n {
		mask := m.zero
		if !alone {
			mask = two.named(two.either(i), m.n)
		}
		stepPair(&one.either(i + 1)[0], &one.either(i)[0], &one.named(one.either(i), m.n)[0],
			&two.either(i + 1)[0], &two.either(i)[0], &mask[0], m.width)
	}
	one.give(lanes[:m.width], one.x)
	if !alone {
		two.give(lanes[m.width:], two.x)
	}
}

// state is where the state i of the first half lies; the one after them lies in x.
func (l *laneState) state(i int) []byte {
	if at := i * len(l.x); at < len(l.table) {
		return l.table[at : at+len(l.x)]
	}
	return l.x
}

// either is where the state i of the second half lies; n is even, so the last is in x.
func (l *laneState) either(i int) []byte {
	if i%2 == 0 {
		return l.x
	}
	return l.y
}

// named is the state in the table that another one names, with the words 0 and 1 of
// its last block; n is a power of two.
func (l *laneState) named(state []byte, n int) []byte {
	last := state[len(state)-block:]
	low, high := binary.LittleEndian.Uint32(last), binary.LittleEndian.Uint32(last[4*13:])
	return l.state(int((uint64(high)<<32 | uint64(low)) & uint64(n-1)))
}

// take and give order the words of a lane's blocks as stepPair has them, and back.
func (l *laneState) take(state, lane []byte) {
	for at := 0; at < len(lane); at += block {
		for i, word := range diagonal {
			copy(state[at+4*i:at+4*i+4], lane[at+4*word:])
		}
	}
}

func (l *laneState) give(lane, state []byte) {
	for at := 0; at < len(lane); at += block {
		for i, word := range diagonal {
			copy(lane[at+4*word:at+4*word+4], state[at+4*i:])
		}
	}
}
