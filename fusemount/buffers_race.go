//go:build race

package fusemount

// offHeap is off under the race detector, which does not watch memory outside the heap.
const offHeap = false
