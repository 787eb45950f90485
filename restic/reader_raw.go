package restic

import "github.com/klauspost/compress/zstd"

// unwrapRaw unpacks a zstd frame of raw blocks in place, without a second buffer.
// Incompressible data such as videos and archives is stored that way, which is most of
// what large files hold. If the frame has other blocks or is invalid, it returns false
// and changes nothing.
//
// RFC 8878, 3.1.1: a header, then blocks. Each begins with three bytes, little-endian:
// one bit marks the last block, two bits are the type (0 is raw), the rest is its
// length.
func unwrapRaw(frame []byte) (plain []byte, ok bool) {
	var h zstd.Header
	if h.Decode(frame) != nil || h.Skippable || h.HasCheckSum || h.DictionaryID != 0 {
		return nil, false
	}
	const blockHeader = 3
	blocks := func(fn func(data []byte)) bool {
		for rest := frame[h.HeaderSize:]; len(rest) >= blockHeader; {
			b := uint(rest[0]) | uint(rest[1])<<8 | uint(rest[2])<<16
			last, kind, size := b&1 == 1, b>>1&3, b>>3
			rest = rest[blockHeader:]
			if kind != 0 || size > uint(len(rest)) {
				return false
			}
			fn(rest[:size])
			if rest = rest[size:]; last {
				return len(rest) == 0
			}
		}
		return false
	}
	if !blocks(func([]byte) {}) {
		return nil, false
	}
	// Data only moves towards the beginning.
	n := 0
	blocks(func(data []byte) { n += copy(frame[n:], data) })
	return frame[:n], true
}
