package keeper_test

import (
	"bytes"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/keeper"
)

// A snapshot that is uploaded again is no backup, also for a keeper without the
// password.
func TestSnapshotUploadedAgainIsNoBackup(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "web1")
	s := w.cfg.Storages["web1"]
	s.ResticPassword = keeper.Secret{}
	s.Prove, s.Signs, s.ReadAllWithin, s.Drill = keeper.Never(), keeper.Never(), keeper.Never(), keeper.Never()
	w.backup("web1")
	w.advance(time.Hour)
	green(t, w.pass())
	backup := w.pass().Storages[0].LastBackup
	client := w.Client(t, w.Host)
	for range 3 {
		w.advance(day)
		for o := range client.ListObjectsIter(t.Context(), s.ResticBucket, minio.ListObjectsOptions{Prefix: "snapshots/", Recursive: true}) {
			r, err := client.GetObject(t.Context(), s.ResticBucket, o.Key, minio.GetObjectOptions{})
			must(t, err)
			same, err := io.ReadAll(r)
			must(t, err)
			_, err = client.PutObject(t.Context(), s.ResticBucket, o.Key, bytes.NewReader(same), o.Size, minio.PutObjectOptions{})
			must(t, err)
		}
	}
	w.advance(time.Hour)
	st := w.pass().Storages[0]
	if !slices.Contains(codes(st), "no-backup") || !st.LastBackup.Equal(backup) {
		t.Errorf("red for %q; the last backup is taken to be of %s, not %s", codes(st), st.LastBackup, backup)
	}
}
