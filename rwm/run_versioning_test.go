package rwm_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

// Configurations that never had a policed bucket go on working, with a warning at every
// run.
func TestBucketWithoutVersioningIsAWarning(t *testing.T) {
	w := newWorld(t)
	if err := w.Client(t, w.Host).MakeBucket(t.Context(), w.config.ResticBucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	w.initialised()
	for range 2 {
		w.events = nil
		report, err := w.manager().BackupAll(t.Context())
		if err != nil || table(report) != "home OK 0" {
			t.Fatal(table(report), err)
		}
		if !strings.Contains(w.warnings(), "KEEPS NO VERSIONS") || !strings.Contains(w.warnings(), "put-bucket-versioning --bucket "+w.config.ResticBucket) {
			t.Errorf("warnings: %s", w.warnings())
		}
		if !strings.HasSuffix(steps(w.events), "skip state") {
			t.Errorf("steps %s", steps(w.events))
		}
	}
	w.config.RequireVersioning = true
	report, err := w.manager().BackupAll(t.Context())
	if report != nil || !errors.Is(err, s3state.ErrNotVersioned) || !strings.Contains(err.Error(), "require_versioning") {
		t.Errorf("required: %s %v", table(report), err)
	}
}

// In a policed bucket it was switched off: that is no matter of taste.
func TestSuspendedPolicedBucketIsRefused(t *testing.T) {
	w := newWorld(t).policed()
	if err := w.Client(t, w.Admin).SuspendVersioning(t.Context(), w.config.ResticBucket); err != nil {
		t.Fatal(err)
	}
	w.config.Backups["home"] = rwm.Backup{FilesDirs: []string{w.files}, PreRun: []string{"touch " + w.dir + "/hook-ran"}}
	report, err := w.manager().BackupAll(t.Context())
	if report != nil || !errors.Is(err, s3state.ErrNotVersioned) || rwm.ExitCode(err) != 1 || !strings.Contains(err.Error(), "switched it off") {
		t.Errorf("%s %v", table(report), err)
	}
	if w.exists("hook-ran") {
		t.Error("a hook was run")
	}
}
