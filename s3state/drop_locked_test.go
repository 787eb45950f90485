package s3state

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/s3test"
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

// What was no longer tried after a refusal counts as not removed, so that the delete
// markers above it stay: else the deleted objects would come back.
func TestMarkersOfWhatWasNotTriedStay(t *testing.T) {
	w := newWorld(t)
	version := func(key string) Version { return Version{Key: key, VersionID: w.put(key, "1")} }
	for name, try := range map[string]func(t *testing.T, r *remover, v Version){
		"taken by a worker": func(t *testing.T, r *remover, v Version) {
			r.cancel(errDenied)
			r.remove([]Version{v})
		},
		"not taken": func(t *testing.T, r *remover, v Version) {
			close(r.work) // no worker takes any
			r.wg.Wait()
			r.work = nil
			r.cancel(errDenied)
			r.next = []Version{v}
			if err := r.flush(); !errors.Is(err, errDenied) {
				t.Error(err)
			}
		},
		"ended by an error": func(t *testing.T, r *remover, v Version) {
			w.srv.Inject(t, s3test.Fault{Method: "POST", Path: "delete", Kind: s3test.Status, Status: 400, Code: "InvalidRequest", Times: 1})
			r.remove([]Version{v})
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := w.storeVia(w.srv.Admin, nil, WithRetries(1, 0)).newRemover(w.ctx, "drop", w.bucket, nil)
			v := version("data/" + strings.ReplaceAll(name, " ", "-"))
			if try(t, r, v); !r.isStuck(v.Key) {
				t.Error("it counts as removed")
			}
		})
	}
}

// What a lock keeps is looked for before anything is removed: not even a delete marker
// goes. Who has reviewed it goes on with what is not locked.
func TestDropLooksForLocksFirst(t *testing.T) {
	w := newWorld(t)
	b, until := w.bucketWithLock()
	whole := func(context.Context, *View) (bool, error) { return true, nil }
	before := dump(t, w.admin, b)
	for _, dry := range []bool{true, false} {
		_, err := w.admin.DropVersions(w.ctx, b, DropOptions{RequireComplete: true, Confirm: whole, DryRun: dry})
		var locked *LockedError
		if !errors.As(err, &locked) || !locked.Until.Equal(until) || locked.Key != "locked" {
			t.Fatalf("dry run %v: %v", dry, err)
		}
		if after := dump(t, w.admin, b); strings.Join(after, " ") != strings.Join(before, " ") {
			t.Fatalf("dry run %v: it left %q of %q", dry, after, before)
		}
	}
	res, err := w.admin.DropVersions(w.ctx, b, DropOptions{RequireComplete: true, Confirm: whole, Reviewed: true})
	var batch *BatchError
	if !errors.As(err, &batch) || batch.Total != 1 || res.OldVersions != 1 {
		t.Fatalf("reviewed: %+v, %v", res, err)
	}
	// The deletion of what is locked stays, or the object would come back.
	if after := strings.Join(dump(t, w.admin, b), " "); !strings.Contains(after, "locked") || strings.Contains(after, "free") {
		t.Errorf("left: %s", after)
	}
	if _, err := w.admin.client.StatObject(w.ctx, b, "locked", minio.StatObjectOptions{}); minio.ToErrorResponse(err).StatusCode != 404 {
		t.Errorf("the locked object came back: %v", err)
	}
}

// A drop in a bucket that locks what is written cannot remove its own interim state: it
// hides it, for lifecycle to remove, and that is no error.
func TestDropWhereNewObjectsAreLocked(t *testing.T) {
	t.Parallel()
	w, _, _ := newLocked(t, LockOptions{Days: 1})
	w.put("data/x", "x")
	res, err := w.admin.DropVersions(w.ctx, w.bucket, DropOptions{})
	if err != nil {
		t.Fatal(err)
	}
	states, err := w.admin.States(w.ctx, w.bucket)
	if err != nil || len(states) != 2 {
		t.Fatalf("%+v %v", states, err)
	}
	for _, st := range states {
		if st.IsLatest != (st.VersionID == res.State.VersionID) {
			t.Errorf("there is the state %+v", st)
		}
	}
}
