package s3state

import (
	"cmp"
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
	States     []SavedState // the oldest first
	// LastGood is the latest quiet moment before anything suspicious; zero if
	// there was none. It is the time to give to View, Restore or Download.
	LastGood time.Time
	// LastGoodState is the state saved at that moment, if there is one.
	LastGoodState *SavedState
	// Unread counts the keys, indexes and snapshots, and the locks under which
	// something was deleted, that were judged by the listing alone, since there are
	// too many or the caller may not read them.
	Unread int
}

// defaultQuiet is the pause between two steps.
const defaultQuiet = 10 * time.Minute

// HistoryOptions refine History.
type HistoryOptions struct {
	// Quiet is how long nothing must happen between two steps; 0 for ten
	// minutes.
	Quiet time.Duration
	// ListOnly reads no object but saved states. Otherwise the newest 4096 keys,
	// indexes and snapshots, or 256 MiB of them, are read, and as many locks; with
	// ReadAll, all.
	ListOnly, ReadAll bool
	// Inspector is called once with the last good moment that the listing shows,
	// and may return a function that judges what is read further; or nil. An error
	// ends the matter.
	Inspector func(ctx context.Context, good time.Time) (Inspect, error)
	// VerifyStates is how many of the newest saved states are compared with the
	// version history: 0 for ten, negative for none.
	VerifyStates int
	OnEvent      func(Event)
}

// History reads a bucket's version listing as a timeline and marks what no run
// of restic does:
//
//   - an object of a repository overwritten with something else, also by way of a
//     deletion;
//   - packs, snapshots, indexes or keys deleted while nobody held a lock that
//     allows it, or the last snapshot or key;
//   - objects too short or too large for what they should be, or that do not belong;
//   - keys, indexes, snapshots and locks whose bytes are not those of their names;
//   - saved states that the version history contradicts or that cannot be read.
//
// What an intruder does with restic itself looks like any other run to all but
// the Inspector, which may know the repository's password.
//
// Memory use grows with the number of minutes in which something happened, of
// seconds in which something was deleted, of locks, and of saved states, of which
// those that were compared have their differences with them.
func (s *Store) History(ctx context.Context, bucket string, opts HistoryOptions) (*History, error) {
	ev := newReporter(opts.OnEvent)
	defer ev.close()
	if err := s.requireVersioned(ctx, bucket); err != nil {
		return nil, err
	}
	h := newHistorian(bucket)
	h.unread.every = opts.ReadAll
	if err := s.listVersions(ctx, bucket, "", ev, func(entries []Version) error { h.take(entries); return nil }); err != nil {
		return nil, err
	}
	h.end(cmp.Or(max(opts.Quiet, 0), defaultQuiet))
	if err := s.judge(ctx, bucket, h, opts); err != nil {
		return nil, err
	}
	return h.res, nil
}

// judge goes beyond the listing. Which keys, indexes and snapshots are read was decided
// while h took it; ReadAll reads every lock that matters.
func (s *Store) judge(ctx context.Context, bucket string, h *historian, opts HistoryOptions) error {
	h.res.Unread = h.unread.total
	if !opts.ListOnly {
		var inspect Inspect
		var err error
		if opts.Inspector != nil {
			if inspect, err = opts.Inspector(ctx, h.res.LastGood); err != nil {
				return err
			}
		}
		if err := s.readMetadata(ctx, bucket, h, inspect, opts.ReadAll); err != nil {
			return err
		}
	}
	if n := statesToVerify(opts.VerifyStates); n > 0 {
		if err := s.judgeStates(ctx, bucket, h, n); err != nil {
			return err
		}
	}
	h.sum()
	return nil
}
