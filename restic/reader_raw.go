package restic

import "github.com/klauspost/compress/zstd"

// unwrapRaw takes a zstd frame of raw blocks apart in place, without a second buffer: what cannot be compressed, such as videos and
// archives, is stored so, and that is most of what large files hold. It reports false, and has changed nothing, if the frame has other
// blocks or is not as it should be.
//
// RFC 8878, 3.1.1: a header, then blocks. Each begins with three bytes, little-endian: one bit tells the last one, two bits the type (0 is
// raw), the others how long it is.
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
	// What is moved comes from further behind.
	n := 0
	blocks(func(data []byte) { n += copy(frame[n:], data) })
	return frame[:n], true
}
