package rwm_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

// After an attacker with the host's credentials has deleted everything, the
// repository opens as the state has it; for the host, where it may read versions.
func TestOpenAsOf(t *testing.T) {
	w := newWorld(t).policed()
	report, err := w.manager().Backup(t.Context(), "home")
	if err != nil {
		t.Fatal(err)
	}
	state := report.Rows[len(report.Rows)-1].State
	client := w.Client(t, w.Host)
	for o := range client.ListObjects(t.Context(), w.config.ResticBucket, listOptions("")) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		if err := client.RemoveObject(t.Context(), w.config.ResticBucket, o.Key, minio.RemoveObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.manager().OpenRepository(t.Context()); !errors.Is(err, restic.ErrNoRepository) {
		t.Fatal("still there:", err)
	}
	for _, id := range []struct{ key, secret string }{{w.Admin.AccessKey, w.Admin.SecretKey}, {w.Host.AccessKey, w.Host.SecretKey}} {
		w.config.S3AccessKey, w.config.S3SecretKey = id.key, id.secret
		for _, moment := range []s3state.Moment{{At: state.Time}, {StateKey: state.Key, StateVersion: state.VersionID}} {
			session, view, err := w.manager().OpenAsOf(t.Context(), moment, restic.WithCacheDir(t.TempDir()))
			denied := errors.Is(err, restic.ErrAccessDenied) || errors.Is(err, s3state.ErrAccessDenied)
			if id.key == w.Host.AccessKey && denied && strings.Contains(err.Error(), "admin") {
				continue // on Ceph RGW it may, on others not
			}
			if err != nil {
				t.Fatalf("%+v: %v", moment, err)
			}
			if view.Verification.Status != s3state.Verified || !strings.Contains(session.Location().String(), "as of ") {
				t.Errorf("%+v: %s, %s", moment, view.Verification.Status, session.Location())
			}
			if list, err := session.Snapshots(t.Context(), restic.SnapshotFilter{}); err != nil || len(list) != 1 {
				t.Errorf("%+v: %d snapshots, %v", moment, len(list), err)
			}
			if _, err := session.Prune(t.Context(), restic.PruneOptions{}); !errors.Is(err, restic.ErrReadOnly) {
				t.Error(err)
			}
			if err := session.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	w.config.ResticBucket = ""
	if _, _, err := w.manager().OpenAsOf(t.Context(), s3state.Moment{At: state.Time}); !errors.Is(err, rwm.ErrConfig) {
		t.Error(err)
	}
}
