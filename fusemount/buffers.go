//go:build linux || darwin || freebsd

package fusemount

import (
	"math/bits"
	"sync"

	"golang.org/x/sys/unix"
)

// buffers allocates and recycles memory for plain blobs. The memory is outside the Go
// heap: a cache managed by the garbage collector needs twice its size, since the
// collector lets garbage grow to the size of the live data.
//
// Sizes are rounded up to classes, four to a power of two. Large buffers are mappings
// of their own; small ones are cut from slabs.
type buffers struct {
	mu    sync.Mutex
	free  map[int][][]byte // by class size
	spare int              // bytes of large buffers in free
}

const (
	smallestClass = 512
	largestSmall  = 64 << 10
	slabSize      = 1 << 20
	maxSpare      = 32 << 20
)

// class returns the size of the buffer for n bytes.
func class(n int) int {
	if n <= smallestClass {
		return smallestClass
	}
	step := 1 << max(bits.Len(uint(n-1))-3, 0)
	return (n + step - 1) / step * step
}

// Cost is what a buffer of n bytes takes.
func (b *buffers) Cost(n int) int { return class(n) }

// Get returns a buffer of n bytes, with the capacity class(n) or somewhat more.
func (b *buffers) Get(n int) []byte {
	size := class(n)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.free == nil {
		b.free = make(map[int][][]byte)
	}
	list := b.free[size]
	if len(list) == 0 && size <= largestSmall {
		slab := mapMemory(slabSize)
		for ; len(slab) >= size; slab = slab[size:] {
			list = append(list, slab[:size:size])
		}
	}
	// Fresh memory must be cleared page by page, so a larger free buffer is better.
	for larger := class(size + 1); len(list) == 0 && larger < 2*size; larger = class(larger + 1) {
		if list = b.free[larger]; len(list) > 0 {
			size = larger
		}
	}
	if len(list) == 0 {
		return mapMemory(size)[:n]
	}
	last := len(list) - 1
	buf := list[last]
	list[last] = nil
	b.free[size] = list[:last]
	if size > largestSmall {
		b.spare -= size
	}
	return buf[:n]
}

// Put recycles a buffer from Get, which must no longer be used.
func (b *buffers) Put(buf []byte) {
	buf = buf[:cap(buf)]
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(buf) > largestSmall {
		if b.spare+len(buf) > maxSpare {
			unmapMemory(buf)
			return
		}
		b.spare += len(buf)
	}
	b.free[len(buf)] = append(b.free[len(buf)], buf)
}

func mapMemory(size int) []byte {
	if !offHeap {
		return make([]byte, size)
	}
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return make([]byte, size)
	}
	return mem[:size:size]
}

// unmapMemory returns a mapping to the system. unix.Munmap refuses heap memory, which
// the collector then frees.
func unmapMemory(mem []byte) {
	if offHeap {
		_ = unix.Munmap(mem)
	}
}
