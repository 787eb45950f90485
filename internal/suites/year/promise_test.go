package year

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/s3state"
)

// weakOnly returns the versions that could not be renewed, if all were weakly locked
// from the first; otherwise nil.
func (s *schedule) weakOnly(err error) map[*version]bool {
	var batch *s3state.BatchError
	if !errors.As(err, &batch) || batch.Total > len(batch.Failed) {
		return nil
	}
	failed := map[*version]bool{}
	for _, f := range batch.Failed {
		v := s.versions[f.Key+"\x00"+f.VersionID]
		if v == nil || !v.weak || errors.Is(f.Err, s3state.ErrUnreachable) {
			return nil
		}
		failed[v] = true
	}
	return failed
}

// needed tells what a renewal without the password counts as needed.
func needed(key string) bool {
	return !strings.HasPrefix(key, "locks/") && !strings.HasPrefix(key, "rwm/")
}

// written tells that a version is older than this day's.
func (s *schedule) written(v *version) bool { return v.at.Before(s.now()) }

// look lists what is current.
func (s *schedule) look(ctx context.Context) error {
	current := map[string]*version{}
	for v, err := range s.stores[admin].Versions(ctx, s.bucket, "") {
		if errors.Is(err, s3state.ErrNoBucket) && !s.owes() {
			// Nothing was current for longer than is promised, and the admin's keys may
			// remove a bucket with nothing in it.
			s.over = true
			s.note("the bucket is gone")
			return nil
		}
		if err != nil {
			return s.failure("list: %v", err)
		}
		if !v.IsLatest || v.DeleteMarker {
			continue
		}
		known := s.versions[v.Key+"\x00"+v.VersionID]
		if known == nil {
			continue // a copy of the attacker's
		}
		current[v.Key] = known
	}
	s.current = current
	return nil
}

// owes reports whether anything is promised for longer than until now.
func (s *schedule) owes() bool {
	for _, v := range s.versions {
		if v.must.After(s.now()) {
			return true
		}
	}
	return false
}

// promise notes until when what is current now has to stay.
func (s *schedule) promise() {
	at := s.now()
	for _, v := range s.current {
		must := at.Add(time.Duration(s.n) * day)
		if v.locked.Before(must) {
			must = v.locked
		}
		if must.After(v.must) {
			v.must, v.why = must, at.Format("2006-01-02")
		}
	}
}

// verify reads, bit by bit, what was promised until a day before next.
func (s *schedule) verify(ctx context.Context, next time.Time) error {
	for id, v := range s.versions {
		if v.must.IsZero() || v.must.After(next) {
			continue
		}
		if v.must.After(s.now()) {
			if err := s.read(ctx, v); err != nil {
				return s.failure("%s version %s was current on %s and locked until %s: %v", v.key, v.id, v.why, v.locked, err)
			}
		}
		if s.current[v.key] != v && !v.weak {
			delete(s.versions, id)
		}
	}
	return nil
}

func (s *schedule) read(ctx context.Context, v *version) error {
	o, err := s.clients[admin].GetObject(ctx, s.bucket, v.key, minio.GetObjectOptions{VersionID: v.id})
	if err != nil {
		return err
	}
	defer o.Close()
	body, err := io.ReadAll(o)
	if err != nil {
		return err
	}
	if sha256.Sum256(body) != v.sum {
		return fmt.Errorf("it holds other bytes")
	}
	return nil
}

// reclaimed checks, in a year without attacks, that what was pruned is gone in time.
func (s *schedule) reclaimed(ctx context.Context) error {
	if !s.clean || s.over {
		return nil
	}
	for v, err := range s.stores[admin].Versions(ctx, s.bucket, "") {
		if err != nil {
			return err
		}
		at, ok := s.pruned[v.Key]
		if late := s.now().Sub(at) - time.Duration(s.n+s.g+2)*day; ok && late > 0 {
			return s.failure("%s (marker: %v) was pruned on %s and is still there, %s late", v.Key, v.DeleteMarker, at.Format("2006-01-02"), late)
		}
	}
	return nil
}

// live is one day.
func (s *schedule) live(ctx context.Context) error {
	if s.over {
		return nil
	}
	today := s.today()
	acted := false
	attacked := false
	for _, t := range s.thefts {
		if today >= t.from && today <= t.to {
			for range 1 + s.rnd.IntN(3) {
				s.attack(ctx, t.role)
			}
			attacked = true
		}
		if today == t.repaired {
			if err := s.repair(ctx); err != nil {
				return s.failure("repair: %v", err)
			}
		}
		// Meanwhile lifecycle may delete what is current.
		acted = acted || today >= t.from && today <= t.repaired+1
	}
	if s.rnd.IntN(28) == 0 {
		// With stolen keys at work the host may be locked out.
		if err := s.backup(ctx); err != nil && !attacked && !s.stolen() {
			return s.failure("backup: %v", err)
		}
		acted = true
	}
	if acted {
		if err := s.look(ctx); err != nil {
			return err
		}
		if s.over {
			return nil
		}
	}
	s.promise()
	dead := false
	for _, d := range s.dead {
		dead = dead || d.has(today)
	}
	if !dead && s.now().Sub(s.last) > time.Duration(s.g)*day/2-2*day {
		if err := s.renew(ctx); err != nil {
			return err
		}
		s.promise()
	}
	if today%60 == int(s.seed%60) {
		if err := s.reclaimed(ctx); err != nil {
			return err
		}
	}
	return s.verify(ctx, s.now().Add(day))
}
