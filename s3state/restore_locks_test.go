package s3state

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// Nothing holds a lock in a restored bucket or directory. As of a time, the locks that
// were there are left out; a saved state is restored as it is, and the locks counted.
func TestRestoredLocks(t *testing.T) {
	w := newWorld(t)
	lock := fmt.Sprintf("locks/%x", sha256.Sum256([]byte("held")))
	w.put("config", "c")
	w.put("locks/other", "no lock of restic's")
	w.put(lock, "held")
	st, err := w.host.Save(w.ctx, w.bucket, CaptureOptions{})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(time.Hour)
	w.srv.SetClock(t, at.Add(time.Hour))
	w.del(lock)
	for _, c := range []struct {
		moment        Moment
		locks, out, n int64
	}{{Moment{At: at}, 0, 1, 3}, {Moment{StateKey: st.Key, StateVersion: st.VersionID}, 1, 0, 3}} {
		target := w.srv.Bucket(t)
		res, err := w.admin.Restore(w.ctx, RestoreOptions{Source: w.bucket, Target: target, Moment: c.moment})
		if err != nil || res.Locks != c.locks || res.LocksLeftOut != c.out || res.Objects != c.n {
			t.Errorf("%+v: %v %+v", c.moment, err, res)
		}
		there := false
		for v, err := range w.admin.Versions(w.ctx, target, "locks/") {
			if err != nil {
				t.Fatal(err)
			}
			there = there || v.Key == lock
		}
		if there != (c.locks > 0) {
			t.Errorf("%+v: the lock is there: %v", c.moment, there)
		}
		down, err := w.admin.Download(w.ctx, DownloadOptions{Source: w.bucket, Dir: filepath.Join(t.TempDir(), "d"), Moment: c.moment})
		if err != nil || down.Locks != c.locks || down.LocksLeftOut != c.out || down.Objects != c.n {
			t.Errorf("%+v: %v %+v", c.moment, err, down)
		}
	}
}
