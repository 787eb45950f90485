//go:build !race

package fusemount

const offHeap = true
