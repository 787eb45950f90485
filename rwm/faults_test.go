package rwm_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

// A state that cannot be saved is a failed step; the backup before it counts.
func TestStateNotSaved(t *testing.T) {
	w := newWorld(t).policed()
	w.Inject(t, s3test.Fault{Method: "PUT", Path: "/rwm/state_", Kind: s3test.Status, Status: 403, Code: "AccessDenied"})
	report, err := w.manager().BackupAll(t.Context())
	if got, want := table(report), "home OK 0, state ERROR 1"; got != want {
		t.Errorf("report %q, want %q", got, want)
	}
	if !errors.Is(err, s3state.ErrAccessDenied) || !strings.Contains(err.Error(), w.config.ResticBucket) || rwm.ExitCode(err) != 1 {
		t.Errorf("error %v", err)
	}
	if left := append(w.objects("locks/"), w.objects("rwm/")...); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// An upload refused in the middle of the first backup must not spoil the second, nor
// the repository.
func TestFailedUploadSpoilsNothing(t *testing.T) {
	w := newWorld(t).policed()
	w.write("more/c.txt", "gamma")
	w.config.Backups = map[string]rwm.Backup{"a": {FilesDirs: []string{w.files}}, "b": {FilesDirs: []string{w.dir + "/more"}}}
	w.Inject(t, s3test.Fault{Method: "PUT", Path: "/data/", Kind: s3test.Status, Status: 403, Code: "AccessDenied", Times: 1})
	report, err := w.manager().BackupAll(t.Context())
	if got, want := table(report), "a ERROR 1, b OK 0, state OK 0"; got != want {
		t.Errorf("report %q, want %q", got, want)
	}
	if !errors.Is(err, restic.ErrAccessDenied) {
		t.Errorf("error %v", err)
	}
	w.check(1)
	if report, err = w.manager().BackupAll(t.Context()); err != nil {
		t.Errorf("the next run: %s, %v", table(report), err)
	}
	w.check(3)
}

// Faults that pass are ridden out.
func TestPassingFaults(t *testing.T) {
	for _, fault := range []s3test.Fault{
		{Method: "PUT", Path: "/data/", Kind: s3test.Status, Status: 503, Code: "SlowDown", Times: 2},
		{Method: "PUT", Path: "/index/", Kind: s3test.Reset, Times: 1},
		{Method: "PUT", Path: "/snapshots/", Kind: s3test.ResetAfter, Times: 1},
		{Method: "PUT", Path: "/rwm/", Kind: s3test.Status, Status: 500, Code: "InternalError", Times: 1},
		{Method: "GET", Path: "versions", Kind: s3test.Truncate, Times: 1},
	} {
		t.Run(string(fault.Kind)+fault.Path, func(t *testing.T) {
			w := newWorld(t).policed()
			w.Inject(t, fault)
			report, err := w.manager().BackupAll(t.Context())
			if err != nil {
				t.Errorf("%s, %v", table(report), err)
			}
			w.ClearFaults(t)
			w.check(1)
		})
	}
}

// Interrupted while data is on its way: no lock, no half-written state, and the next
// run works.
func TestInterruptedUpload(t *testing.T) {
	for _, path := range []string{"/data/", "/snapshots/", "/rwm/state_"} {
		t.Run(path, func(t *testing.T) {
			w := newWorld(t).policed()
			ctx, cancel := context.WithCancel(t.Context())
			faults := &s3test.Faults{Base: newTransport(t)}
			faults.Inject(s3test.Fault{Method: "PUT", Path: path, Kind: s3test.Stall})
			done := make(chan error, 1)
			m := w.manager(rwm.WithTransport(faults))
			go func() { _, err := m.BackupAll(ctx); done <- err }()
			for !sent(faults, path) {
			}
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) || rwm.ExitCode(err) != 130 {
				t.Errorf("error %v", err)
			}
			if left := append(w.objects("locks/"), w.objects("rwm/")...); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
			if report, err := w.manager().BackupAll(t.Context()); err != nil {
				t.Errorf("the next run: %s, %v", table(report), err)
			}
		})
	}
}

func newTransport(t *testing.T) *http.Transport {
	t.Helper()
	transport, err := rwm.NewTransport()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func sent(faults *s3test.Faults, path string) bool {
	for _, request := range faults.Requests() {
		if request.Method == "PUT" && strings.Contains(request.Path, path) {
			return true
		}
	}
	time.Sleep(5 * time.Millisecond)
	return false
}

// check reads everything in the repository, and counts its snapshots.
func (w *world) check(snapshots int) {
	w.t.Helper()
	session, err := w.manager().OpenRepository(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	defer session.Close()
	if result, err := session.Check(w.t.Context(), restic.CheckOptions{ReadData: true}); err != nil {
		w.t.Errorf("check: %v (%+v)", err, result)
	}
	if got := len(w.snapshots()); got != snapshots {
		w.t.Errorf("%d snapshots, want %d", got, snapshots)
	}
}
