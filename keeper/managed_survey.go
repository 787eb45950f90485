package keeper

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strconv"
	"time"

	"github.com/cesnet/rwm/s3state"
)

// Survey lists the bucket, once for itself and the history if there will be one: what
// the history needs takes memory, so that is kept only if something has happened, or
// if the bucket is small.
func (s *managed) Survey(ctx context.Context, last *Survey) (*Survey, error) {
	sv := newSurveyor()
	s.listing = nil
	eventful, err := s.eventful(ctx, last)
	if err != nil {
		return nil, err
	}
	if eventful && s.cfg.History.On() {
		if s.listing, err = s.m.ListForHistory(ctx, s.bucket, s3state.HistoryOptions{}, sv.take); err != nil {
			return nil, err
		}
		return s.surveyed(sv), nil
	}
	for page, err := range s.m.Storage().Client().Pages(ctx, s.bucket, "") {
		if err != nil {
			return nil, err
		}
		if err := sv.take(page); err != nil {
			return nil, err
		}
	}
	return s.surveyed(sv), nil
}

func (s *managed) surveyed(sv *surveyor) *Survey {
	found := sv.end()
	s.newest = endOf(found.Newest)
	return found
}

// smallBucket is how many versions a bucket may have to be listed for a history that
// may not come: these are a few pages.
const smallBucket = 5000

// eventful guesses whether anything has happened since the last pass: a backup leaves a
// snapshot. If it is wrong the history lists the bucket itself.
func (s *managed) eventful(ctx context.Context, last *Survey) (bool, error) {
	if last == nil || last.Objects+last.OldCount+last.Markers <= smallBucket {
		return true, nil
	}
	sv := newSurveyor()
	for page, err := range s.m.Storage().Client().Pages(ctx, s.bucket, "snapshots/") {
		if err != nil {
			return false, err
		}
		if err := sv.take(page); err != nil {
			return false, err
		}
	}
	return sv.end().Snapshots != last.Snapshots, nil
}

// surveyor sums up a listing.
type surveyor struct {
	Survey
	all, snapshots hash.Hash
	line           []byte
	snapshot       string    // whose versions are taken
	first          time.Time // of them
}

func newSurveyor() *surveyor { return &surveyor{all: sha256.New(), snapshots: sha256.New()} }

func (s *surveyor) take(page []s3state.Version) error {
	for i := range page {
		s.one(&page[i])
	}
	return nil
}

func (s *surveyor) one(v *s3state.Version) {
	s.line = strconv.AppendBool(strconv.AppendQuote(strconv.AppendQuote(s.line[:0], v.Key), v.VersionID), v.IsLatest)
	// A null version can be written again, and keeps its name.
	s.line = strconv.AppendInt(strconv.AppendInt(s.line, v.LastModified.UnixNano(), 36), v.Size, 36)
	s.line = strconv.AppendQuote(s.line, v.ETag)
	s.all.Write(s.line)
	s.Newest = later(s.Newest, v.LastModified)
	kind := s3state.TypeOf(v.Key)
	if kind == s3state.TypeSnapshot {
		s.snapshots.Write(s.line)
	}
	switch {
	case v.DeleteMarker:
		s.Markers++
		return
	case v.IsLatest:
		s.Objects, s.Bytes = s.Objects+1, s.Bytes+v.Size
		if kind == s3state.TypePack {
			s.Packs++
		}
	default:
		s.OldCount, s.OldBytes = s.OldCount+1, s.OldBytes+v.Size
	}
	if kind == s3state.TypeSnapshot {
		if v.Key != s.snapshot {
			s.snapshotEnds()
			s.snapshot, s.first = v.Key, v.LastModified
		}
		if v.LastModified.Before(s.first) {
			s.first = v.LastModified
		}
	}
}

// snapshotEnds is called once all versions of a snapshot were taken. The first is what
// counts: a host that uploads an old one again has not made a backup.
func (s *surveyor) snapshotEnds() {
	if s.snapshot == "" {
		return
	}
	s.NewestSnapshot = later(s.NewestSnapshot, s.first)
	if s.OldestSnapshot.IsZero() || s.first.Before(s.OldestSnapshot) {
		s.OldestSnapshot = s.first
	}
}

func (s *surveyor) end() *Survey {
	s.snapshotEnds()
	s.Fingerprint, s.Snapshots = hex.EncodeToString(s.all.Sum(nil)), hex.EncodeToString(s.snapshots.Sum(nil))
	found := s.Survey
	return &found
}
