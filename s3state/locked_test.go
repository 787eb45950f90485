package s3state

import (
	"errors"
	"fmt"
	"testing"

	"github.com/cesnet/rwm/internal/s3test"
)

// Versions that even the admin may not remove (a host can put locks on its own)
// keep nothing else from being removed, also if they fill a batch.
func TestDropGoesOnAfterDeniedBatch(t *testing.T) {
	w := newWorld(t)
	for i := range batchSize {
		for _, k := range []string{"data/%03d", "locked/%03d"} {
			w.put(fmt.Sprintf(k, i), "1")
			w.put(fmt.Sprintf(k, i), "2")
		}
	}
	w.put("z", "1")
	w.put("z", "2")
	w.srv.Inject(t, s3test.Fault{Method: "POST", Path: "delete", Kind: s3test.ErrorIn200, Code: "AccessDenied", Keys: "^locked/"})
	res, err := w.storeVia(w.srv.Admin, nil, WithParallel(1)).DropVersions(w.ctx, w.bucket, DropOptions{})
	var batch *BatchError
	if !errors.As(err, &batch) || batch.Total != batchSize || !errors.Is(err, ErrAccessDenied) {
		t.Fatalf("%v", err)
	}
	if res.OldVersions != batchSize+1 {
		t.Errorf("%+v", res)
	}
}
