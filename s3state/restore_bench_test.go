package s3state

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

func BenchmarkRestore1000(b *testing.B) {
	w := newWorld(b)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for j := range 50 {
				put(b, w.host, w.bucket, fmt.Sprintf("data/%02x/%02x%04d", i*12, i*12, j), fmt.Sprint(i, j))
			}
		}()
	}
	wg.Wait()
	st := w.save()
	w.srv.SetLatency(b, 20*time.Millisecond)
	for _, parallel := range []int{1, 32, 64} {
		b.Run(fmt.Sprintf("parallel=%d", parallel), func(b *testing.B) {
			for b.Loop() {
				_, err := w.admin.Restore(b.Context(), RestoreOptions{Source: w.bucket, Target: w.srv.Bucket(b), Moment: Moment{StateKey: st.Key, StateVersion: st.VersionID}, Parallel: parallel})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
