package s3dev

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkMemory tells what a stored version costs besides its bytes.
func BenchmarkMemory(b *testing.B) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for _, perKey := range []int{1, 10} {
		b.Run(fmt.Sprint(perKey, "-per-key"), func(b *testing.B) {
			before := heap()
			bucket := newBucket("b", "acme$admin", time.Now(), new(atomic.Uint64))
			bucket.versioning = "Enabled"
			data := [][]byte{{1}}
			for i := range b.N {
				bucket.add(fmt.Sprintf("data/%02x/%064x", i/perKey%256, i/perKey), &version{size: 1, data: data})
			}
			b.ReportMetric(float64(heap()-before)/float64(b.N), "B/version")
			runtime.KeepAlive(bucket)
		})
	}
}
