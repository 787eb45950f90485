package s3state

import (
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/s3test"
)

// An upload in parts that was begun before the time to keep, and completed within it,
// takes nothing away: a server may date it to its begin. What it replaced stays, of any
// program; but not for ever.
func TestDropAfterAnUploadInParts(t *testing.T) {
	w := newWorld(t, s3test.Dialect("aws"))
	if !w.srv.Controlled() {
		harness.NotOnThisServer(t, "the clock is moved by days")
	}
	const key = "some file"
	for _, c := range []struct {
		begun int // days ago
		left  int64
	}{{5, 0}, {11, 1}} { // old versions that go
		w := w.another(t)
		now := time.Now()
		w.srv.SetClock(t, now.AddDate(0, 0, -c.begun))
		w.put(key, "genuine")
		up, err := w.host.core.NewMultipartUpload(w.ctx, w.bucket, key, putOptions())
		if err != nil {
			t.Fatal(err)
		}
		w.srv.AdvanceClock(t, 5*Day-time.Minute)
		part, err := w.host.core.PutObjectPart(w.ctx, w.bucket, key, up, 1, strings.NewReader("rubbish"), 7, partOptions())
		if err != nil {
			t.Fatal(err)
		}
		complete(t, w.host, w.bucket, key, up, part)
		w.srv.SetClock(t, now)
		res, err := w.admin.DropVersions(w.ctx, w.bucket, DropOptions{KeepWithin: 3 * Day, DryRun: true})
		if err != nil || res.OldVersions != c.left {
			t.Errorf("begun %d days ago: %v %+v", c.begun, err, res)
		}
	}
}
