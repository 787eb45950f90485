package s3state

import (
	"context"
	"strings"
	"time"
)

// FileType is what an object is to restic.
type FileType string

// The types of restic's layout, RWM's states, and what belongs to neither.
const (
	TypeConfig   FileType = "config"
	TypeKey      FileType = "key"
	TypeLock     FileType = "lock"
	TypeIndex    FileType = "index"
	TypeSnapshot FileType = "snapshot"
	TypePack     FileType = "pack"
	TypeState    FileType = "state"
	TypeOther    FileType = "other"
)

// TypeOf tells an object's type by its key.
func TypeOf(key string) FileType {
	if key == "config" {
		return TypeConfig
	}
	if strings.HasPrefix(key, "rwm/") {
		return TypeState
	}
	if resticID(key) == "" {
		return TypeOther
	}
	switch dir, _, _ := strings.Cut(key, "/"); dir {
	case "keys":
		return TypeKey
	case "locks":
		return TypeLock
	case "index":
		return TypeIndex
	case "snapshots":
		return TypeSnapshot
	}
	return TypePack
}

// Change is what happened to an object.
type Change string

// The changes a version history shows.
const (
	Written     Change = "written"     // a key that held no object before
	Rewritten   Change = "rewritten"   // with the same content
	Overwritten Change = "overwritten" // with other content
	Deleted     Change = "deleted"
)

// Count sums up changes of one kind.
type Count struct {
	Type   FileType
	Change Change
	N      int64
	Bytes  int64 // written
}

// Suspicion is something that no run of restic does.
type Suspicion struct {
	Time      time.Time
	Key       string // "" if it is about many
	VersionID string
	Reason    string
}

// Step is a stretch of activity with quiet before and after it: usually one
// run.
type Step struct {
	From, To   time.Time // by the server's clock
	Counts     []Count
	Suspicions int
}

// History is the past of a bucket as its version listing tells it.
type History struct {
	Bucket string
	Steps  []Step // the oldest first
	// Suspicions are in the order of time, at most 1000 of Total.
	Suspicions []Suspicion
	Total      int
	States     []SavedState
	// LastGood is the latest quiet moment before anything suspicious; zero if
	// there was none. It is the time to give to View, Restore or Download.
	LastGood time.Time
	// LastGoodState is the state saved at that moment, if there is one.
	LastGoodState *SavedState
}

// HistoryOptions refine History.
type HistoryOptions struct {
	// Quiet is how long nothing must happen between two steps; 0 for ten
	// minutes.
	Quiet   time.Duration
	OnEvent func(Event)
}

// History reads a bucket's version listing as a timeline and marks what no run
// of restic does: an object of a repository overwritten with something else,
// packs deleted although no index was written, the last snapshot, index or key
// deleted, objects too short to be what they should be, and objects that do
// not belong. It reads no object. Memory use grows with the number of minutes
// in which something happened, and of saved states.
func (s *Store) History(ctx context.Context, bucket string, opts HistoryOptions) (*History, error) {
	ev := newReporter(opts.OnEvent)
	defer ev.close()
	if err := s.requireVersioned(ctx, bucket); err != nil {
		return nil, err
	}
	h := &historian{minutes: make(map[int64]*minute), res: &History{Bucket: bucket}}
	var newer *Version
	err := s.listVersions(ctx, bucket, "", ev, func(entries []Version) error {
		for i := range entries {
			v := &entries[i]
			if isState(v) {
				h.res.States = append(h.res.States, savedState(bucket, v))
			}
			if newer != nil {
				if newer.Key == v.Key {
					h.change(newer, v)
				} else {
					h.change(newer, nil)
				}
			}
			kept := *v
			newer = &kept
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if newer != nil {
		h.change(newer, nil)
	}
	sortStates(h.res.States)
	quiet := opts.Quiet
	if quiet <= 0 {
		quiet = 10 * time.Minute
	}
	h.steps(quiet)
	h.lastGood()
	return h.res, nil
}
