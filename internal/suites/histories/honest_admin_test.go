package histories

import (
	"bytes"
	"errors"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/lifecycle"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// setRule has the bucket remove, after a day, the versions below prefix that are not
// current, and the markers that are then left alone if it says so.
func (w *world) setRule(prefix string, markers bool) error {
	rule := lifecycle.Rule{
		ID: "old versions", Status: "Enabled", RuleFilter: lifecycle.Filter{Prefix: prefix},
		NoncurrentVersionExpiration: lifecycle.NoncurrentVersionExpiration{NoncurrentDays: 1},
	}
	if markers {
		rule.Expiration.DeleteMarker = true
	}
	return w.admin.SetBucketLifecycle(w.ctx, w.bucket, &lifecycle.Configuration{Rules: []lifecycle.Rule{rule}})
}

// locksExpire has a lifecycle rule remove old versions of locks, with the markers or
// without. The rule may be gone again before anybody looks, but the admin's own record
// of settings is not part of these histories, so it stays.
func locksExpire(w *world) error {
	if !w.srv.Controlled() {
		return nil
	}
	err := w.setRule("locks/", w.r.IntN(2) == 0)
	w.waitDays(2)
	return err
}

// versionsExpire has a lifecycle rule remove what is not current since some time: all
// of it or, while it is still at work, some.
func versionsExpire(w *world) error {
	if len(w.truth.moments) == 0 || !w.srv.Controlled() {
		return nil
	}
	limit := one(w, w.truth.moments).at
	w.waitDays(2)
	all, unfinished := w.versions(""), w.r.IntN(3) == 0
	for i, v := range all {
		replaced := i > 0 && all[i-1].Key == v.Key && all[i-1].LastModified.Before(limit)
		if !replaced || unfinished && w.r.IntN(2) == 0 {
			continue
		}
		err := w.admin.RemoveObject(w.ctx, w.bucket, v.Key, minio.RemoveObjectOptions{VersionID: v.VersionID})
		if err != nil {
			return err
		}
	}
	w.forgetBefore(limit)
	// From now on the server does the rest, too, at its next midnight.
	next := w.now().UTC().Truncate(s3state.Day)
	w.forgetBefore(next)
	return w.setRule("", false)
}

// forgetBefore leaves the moments out to which there is no return.
func (w *world) forgetBefore(limit time.Time) {
	kept := w.truth.moments[:0]
	for _, m := range w.truth.moments {
		if m.until.After(limit) {
			if m.at.Before(limit) {
				m.at, m.state = limit, false
			}
			kept = append(kept, m)
		}
	}
	w.truth.moments = kept
}

// dropWhenFull drops versions where nothing more can be written.
func dropWhenFull(w *world) error {
	if !w.srv.Controlled() {
		return nil
	}
	var used int64
	for _, v := range w.versions("") {
		used += v.Size
	}
	w.srv.SetQuota(w, w.bucket, used, 0)
	defer w.srv.SetQuota(w, w.bucket, 0, 0)
	err := drop(w)
	if errors.Is(err, s3state.ErrFull) {
		// What was not to be kept may be gone by then.
		w.note("   there is no room for a state")
		w.truth.moments = nil
		return nil
	}
	return err
}

func dropDuringBackup(w *world) error {
	hook := &on{base: w.base, method: http.MethodPut, part: one(w, []string{"/data/", "/index/", "/snapshots/"}), do: func() error { return drop(w) }}
	return errors.Join(w.backup(one(w, w.hosts), through{rt: hook}), hook.err)
}

// runDuringState is what others do while a host saves a state, or that its machine is
// suspended.
func runDuringState(w *world) error {
	h, other := one(w, w.hosts), one(w, w.hosts)
	hook := &on{base: w.base, part: "/" + w.bucket}
	hook.after.Store(int32(w.r.IntN(6)))
	hook.do = func() error {
		switch w.r.IntN(4) {
		case 0:
			w.note("   backup")
			return w.backup(other, through{})
		case 1:
			w.note("   forget and prune")
			return forget(true)(w)
		case 2:
			w.note("   suspended")
			w.pass(one(w, []time.Duration{12 * time.Minute, 3 * time.Hour}))
			return nil
		}
		w.note("   backup, suspended, forget and prune")
		err := w.backup(other, through{})
		w.pass(40 * time.Minute)
		return errors.Join(err, forget(true)(w))
	}
	_, err := w.of(h, through{rt: hook}).Storage().Save(w.ctx, w.bucket, s3state.CaptureOptions{})
	return errors.Join(err, hook.err)
}

// importOld backs up what is old under its own time.
func importOld(w *world) error {
	return w.with(one(w, w.hosts), through{}, func(s *restic.Session) error {
		_, err := s.Backup(w.ctx, restic.BackupOptions{
			Reader: bytes.NewReader(w.bytes(300)), ReaderName: "archive", Host: "archive",
			Time: w.now().AddDate(0, 0, -30-w.r.IntN(1000)),
		})
		return err
	})
}
