package rwm_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
)

// Who waits for a run to begin is told what it waits for, and why.
func TestRunSaysWhatItWaitsFor(t *testing.T) {
	for name, test := range map[string]struct {
		fault s3test.Fault
		cause string
	}{
		"the repository": {s3test.Fault{Method: "GET", Path: "/keys/.", Kind: s3test.Status, Status: 503}, "503"},
		"the bucket":     {s3test.Fault{Method: "GET", Path: "policy", Kind: s3test.Stall}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t).policed()
			ctx, cancel := context.WithCancel(t.Context())
			w.Inject(t, test.fault)
			told := false
			m := w.manager(rwm.WithEvents(func(event rwm.Event) {
				var err error
				switch ev := event.(type) {
				case rwm.Waiting:
					told, err = true, ev.Err
				case rwm.RepositoryEvent:
					if w, ok := ev.Event.(restic.Waiting); ok {
						told, err = true, w.Err
					}
				default:
					return
				}
				if told && test.cause != "" && (err == nil || !strings.Contains(err.Error(), test.cause)) {
					t.Errorf("%+v: %v", event, err)
				}
				if told {
					cancel()
				}
			}))
			if _, err := m.BackupAll(ctx); !errors.Is(err, context.Canceled) || !told {
				t.Errorf("told %v, error %v", told, err)
			}
			w.ClearFaults(t)
		})
	}
}
