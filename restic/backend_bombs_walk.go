package restic

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/zstd"

	engcrypto "github.com/restic/restic/rwmlink/crypto"
)

const (
	nonceSize = aes.BlockSize
	// maxOverlap bounds how many blobs may share one place of a pack. restic puts one
	// there.
	maxOverlap = 64
	// unsaidBlock is the most that a compressed block without a stated size can unpack
	// to (RFC 8878, 3.1.1.2.4).
	unsaidBlock = 128 << 10
)

// blobWalk steps through the zstd frames of an encrypted blob as its bytes pass, from
// header to header (RFC 8878, 3.1.1), and adds up what they say they unpack to. The
// decoder does not go beyond what a header says.
type blobWalk struct {
	blob sizedBlob
	key  *engcrypto.Key
	ctr  cipher.Block

	nonce  [nonceSize]byte
	want   int64  // where the bytes begin that are needed next, from the blob's begin
	have   []byte // what is there of them
	frame  zstd.Header
	inside bool   // a frame: a block's header is next
	total  uint64 // what the frames so far say
	done   bool
}

// longest header of a frame, and of a block
const (
	frameHeader = 18
	blockHeader = 3
)

// end is where the encrypted text ends: before the MAC.
func (w *blobWalk) end() int64 { return int64(w.blob.length) - (minStored - nonceSize) }

// feed takes bytes from a place of the blob on, which may be before it.
func (w *blobWalk) feed(at int64, p []byte) error {
	for !w.done {
		from, n := w.want, int64(blockHeader)
		switch {
		case w.ctr == nil:
			from, n = 0, nonceSize
		case !w.inside:
			n = min(frameHeader, w.end()-w.want)
		}
		if w.ctr != nil && from+n > w.end() {
			w.done = true // cut off: the decoder says so
			return nil
		}
		if missing := n - int64(len(w.have)); missing > 0 {
			next := from + int64(len(w.have)) - at // the first byte needed, in p
			if next >= int64(len(p)) {
				return nil
			}
			w.have = append(w.have, p[next:next+min(missing, int64(len(p))-next)]...)
			if int64(len(w.have)) < n {
				return nil
			}
		}
		if err := w.step(w.have[:n]); err != nil {
			return err
		}
		// a frame's header is mostly shorter than the longest one
		w.have = append(w.have[:0], w.have[min(w.want-from, int64(len(w.have))):]...)
		if w.want >= w.end() {
			w.done = true
		}
	}
	return nil
}

// step processes the bytes that were wanted.
func (w *blobWalk) step(sealed []byte) (err error) {
	if w.ctr == nil {
		copy(w.nonce[:], sealed)
		w.want = nonceSize
		w.ctr, err = aes.NewCipher(w.key.EncryptionKey[:])
		return err
	}
	var buf [frameHeader]byte
	header := buf[:copy(buf[:], sealed)]
	w.decrypt(header, w.want-nonceSize)
	if w.inside {
		return w.block(header)
	}
	w.frame = zstd.Header{}
	if err := w.frame.Decode(header); err != nil {
		w.done = true // no zstd: the decoder says so before it unpacks anything
		return nil
	}
	if w.frame.Skippable {
		w.want += int64(w.frame.HeaderSize) + int64(w.frame.SkippableSize)
		return nil
	}
	w.want += int64(w.frame.HeaderSize)
	w.inside = true
	if w.frame.HasFCS {
		return w.add(w.frame.FrameContentSize)
	}
	return nil
}

func (w *blobWalk) block(h []byte) error {
	b := uint32(h[0]) | uint32(h[1])<<8 | uint32(h[2])<<16
	last, kind, size := b&1 == 1, b>>1&3, b>>3
	stored, plain := int64(size), uint64(size)
	switch kind {
	case 1: // one byte, size times
		stored = 1
	case 2:
		plain = unsaidBlock
	}
	w.want += blockHeader + stored
	if last {
		w.inside = false
		if w.frame.HasCheckSum {
			w.want += 4
		}
	}
	if w.frame.HasFCS {
		return nil
	}
	return w.add(plain)
}

// add counts what follows. Where sizes are not stated, the last block of a frame may
// hold less than it is counted for.
func (w *blobWalk) add(plain uint64) error {
	limit := uint64(w.blob.plain)
	if !w.frame.HasFCS {
		limit = 2*limit + 1<<20
	}
	w.total += plain
	if plain > limit || w.total > limit {
		return fmt.Errorf("it holds %d bytes or more", max(plain, w.total))
	}
	return nil
}

// decrypt decrypts text at an offset, by AES in counter mode with a counter that begins
// at the nonce. It does not check the MAC, which the engine does.
func (w *blobWalk) decrypt(p []byte, at int64) {
	var iv [nonceSize]byte
	low := binary.BigEndian.Uint64(w.nonce[8:])
	sum := low + uint64(at/aes.BlockSize)
	high := binary.BigEndian.Uint64(w.nonce[:8])
	if sum < low {
		high++
	}
	binary.BigEndian.PutUint64(iv[:8], high)
	binary.BigEndian.PutUint64(iv[8:], sum)
	stream := cipher.NewCTR(w.ctr, iv[:])
	var skip [aes.BlockSize]byte
	stream.XORKeyStream(skip[:at%aes.BlockSize], skip[:at%aes.BlockSize])
	stream.XORKeyStream(p, p)
}
