package histories

import (
	"fmt"
	"path"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/restic"
)

// accident overwrites a pack by rubbish, as a broken tool of the host's might, and then
// the host or the admin repairs what can be repaired.
func accident(w *world) error {
	keys := w.keys("data/")
	if len(keys) == 0 {
		return nil
	}
	w.truth.damaged = true
	key := one(w, keys)
	before := w.versions(key)[0]
	if before.Size < 200 {
		return nil // a stray file
	}
	body := w.get(key)
	w.put(w.raw, key, w.bytes(one(w, []int{70, len(body)})))
	w.pass(one(w, []time.Duration{time.Minute, time.Hour}))
	switch w.r.IntN(4) {
	case 0:
		client := one(w, []*minio.Client{w.raw, w.admin})
		w.note("   put back, uploaded in parts")
		w.multipart(client, key, body)
		return nil
	case 1:
		w.note("   repaired by a copy of the version before")
		_, err := w.admin.CopyObject(w.ctx, minio.CopyDestOptions{Bucket: w.bucket, Object: key},
			minio.CopySrcOptions{Bucket: w.bucket, Object: key, VersionID: before.VersionID})
		return err
	}
	w.note("   repaired by restic, with a loss")
	defer func() {
		// That none or less than half is left is no false alarm, and the admin knows by
		// now.
		w.reviewed = w.now()
		w.note("   reviewed: what is left")
	}()
	h := one(w, w.hosts)
	err := w.with(h, through{}, func(s *restic.Session) error {
		id, err := restic.ParseID(path.Base(key))
		if err != nil {
			return err
		}
		if err := s.RepairPacks(w.ctx, restic.RepairPacksOptions{Packs: []restic.ID{id}}); err != nil {
			return fmt.Errorf("repair packs: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.with(h, through{}, func(s *restic.Session) error {
		if _, err := s.RepairIndex(w.ctx, restic.RepairIndexOptions{}); err != nil {
			return fmt.Errorf("repair index: %w", err)
		}
		if _, err := s.RepairSnapshots(w.ctx, restic.RepairSnapshotsOptions{Forget: true}); err != nil {
			return fmt.Errorf("repair snapshots: %w", err)
		}
		_, err := s.Prune(w.ctx, restic.PruneOptions{})
		return err
	})
}
