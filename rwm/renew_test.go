package rwm_test

import (
	"os"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// What was forgotten but not pruned is in the index, and the next backup of the same
// files uploads nothing: it refers to the packs that are there. So their locks are
// renewed, or the new snapshot could be destroyed at once with the admin's keys.
func TestRenewKeepsWhatTheNextBackupUsesAgain(t *testing.T) {
	t.Parallel()
	l := newLockedLife(t, s3state.LockOptions{Days: 6, GraceDays: 4})
	l.config.Retention = nil
	big := l.write("files/big.txt", string(make([]byte, 100_000)))
	l.backup(0)
	first := l.snapshots()
	if err := os.Remove(big); err != nil {
		t.Fatal(err)
	}
	l.backup(1)
	session, err := l.host.OpenRepository(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := session.Forget(t.Context(), restic.ForgetOptions{Filter: restic.SnapshotFilter{IDs: []string{first[0].ID.String()}}}); err != nil {
		t.Fatal(err)
	}
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
	for day := 2; day <= 15; day++ {
		l.to(day)
		if r := l.renew(); r.Frozen != "" || !r.Kept() {
			t.Fatalf("day %d: %+v", day, r)
		}
	}
	before := len(l.objects("data/"))
	l.write("files/big.txt", string(make([]byte, 100_000)))
	l.backup(15)
	if after := len(l.objects("data/")); after > before+2 {
		t.Fatalf("%d packs, %d before: the backup used nothing again", after, before)
	}
	// Now, before any renewal, the admin's keys are stolen.
	f, err := l.admin.LockFloor(t.Context(), l.config.ResticBucket, s3state.FloorOptions{All: true})
	if err != nil || f.Unlocked > 0 || f.Floor.Before(l.now.Add(6*24*time.Hour)) {
		t.Errorf("%+v %v", f, err)
	}
	client := l.Client(t, l.Admin)
	for v, err := range l.admin.Versions(t.Context(), l.config.ResticBucket, "data/") {
		if err != nil {
			t.Fatal(err)
		}
		if client.RemoveObject(t.Context(), l.config.ResticBucket, v.Key, minio.RemoveObjectOptions{VersionID: v.VersionID}) == nil {
			t.Errorf("removed %s", v.Key)
		}
	}
}
