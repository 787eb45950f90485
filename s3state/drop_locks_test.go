package s3state

import (
	"context"
	"net/http"
	"strings"
	"testing"
)

// No matter at which request a drop is interrupted, a deletion that can still be seen
// is explained by a lock that can still be read.
func TestDropRemovesLocksLast(t *testing.T) {
	base := newWorld(t)
	interrupted := 0
	for at := int64(0); ; at++ {
		w := base.another(t)
		for _, key := range []string{"snapshots/", "locks/"} {
			key += strings.Repeat("0", 64)
			w.put(key, strings.Repeat("x", 150))
			w.del(key)
		}
		w.save()
		ctx, cancel := context.WithCancel(w.ctx)
		h := &hook{base: http.DefaultTransport, at: at, fn: cancel}
		_, err := w.storeVia(w.srv.Admin, h, WithParallel(1)).DropVersions(ctx, w.bucket, DropOptions{})
		cancel()
		left := map[FileType]bool{}
		for v, err := range w.admin.Versions(w.ctx, w.bucket, "") {
			if err != nil {
				t.Fatal(err)
			}
			if !v.DeleteMarker {
				left[TypeOf(v.Key)] = true
			}
		}
		if left[TypeSnapshot] && !left[TypeLock] {
			t.Errorf("at request %d: the lock of a deletion is gone, the deletion is not", at)
		}
		if left[TypeLock] && !left[TypeSnapshot] {
			interrupted++
		}
		if err == nil {
			if left[TypeLock] || left[TypeSnapshot] || interrupted == 0 {
				t.Errorf("in the end %v, %d times in between", left, interrupted)
			}
			return
		}
	}
}
