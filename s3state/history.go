package s3state

import (
	"cmp"
	"context"
	"time"
)

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

// Step is a period of activity between two quiet ones: usually one run.
type Step struct {
	From, To   time.Time // by the server's clock
	Counts     []Count
	Suspicions int
}

// History is the past of a bucket as its version listing shows it.
type History struct {
	Bucket string
	Steps  []Step // the oldest first
	// Suspicions are the marks that count, in the order of time, at most 1000 of Total.
	Suspicions []Suspicion
	Total      int
	// Notes are the marks that do not count: their Standing says why. At most 1000 of
	// TotalNotes, first of all those that nobody has looked at.
	Notes      []Suspicion
	TotalNotes int
	// ReviewedUntil and ProvedUntil are those of the options.
	ReviewedUntil, ProvedUntil time.Time
	// Gone counts the packs, indexes, snapshots and keys that were deleted or
	// overwritten since the last moment that is proved: that of Proof, or ProvedUntil
	// of the options. As long as no later moment is proved each of them is a doubt.
	Gone   []Count
	States []SavedState // the oldest first
	// Proof is what is known of LastGood beyond the listing. Only if its verdict is
	// Proved is that moment good.
	Proof Proof
	// LastGood is, with a Prover, the latest moment that it proved, before any mark
	// that counts. Without one it is the latest quiet moment before anything
	// suspicious, which nobody has proved. It is zero if there is none. It is the time
	// to give to View, Restore or Download.
	LastGood time.Time
	// LastGoodState is the state saved at that moment, if there is one. With a Prover
	// it names the versions that were proved, or was proved itself.
	LastGoodState *SavedState
	// Unread counts the keys, indexes and snapshots, and the locks that covered
	// deletions, that were judged by the listing alone, because there are too many or
	// the caller may not read them.
	Unread int
}

// defaultGap is the quiet time that separates two steps.
const defaultGap = 10 * time.Minute

// HistoryOptions configures History.
type HistoryOptions struct {
	// Gap is the quiet time that separates two steps; 0 for ten minutes.
	Gap time.Duration
	// ListOnly reads no objects but saved states. Otherwise the newest 4096 keys, as
	// many indexes, snapshots and locks, at most 256 MiB of each, are read. ReadAll
	// reads all.
	ListOnly, ReadAll bool
	// Prover proves moments, with the repository's password: then only one that it has
	// proved is named as good. It is asked for the newest, and for earlier ones until
	// one holds.
	Prover Prover
	// ReviewedUntil says until when a person has looked at the history: what is marked
	// until then no longer counts. Keep it where the host cannot write.
	ReviewedUntil time.Time
	// SettingsReviewedUntil says the same of changed settings; zero means
	// ReviewedUntil.
	SettingsReviewedUntil time.Time
	// ProvedUntil is the last moment that an earlier History has proved, if there was
	// one.
	ProvedUntil time.Time
	// Inspector is called with the latest moment that was proved; without a Prover,
	// with the last good moment that the listing shows. It is called again if the
	// bucket is listed again. It may return a function that judges what is read, or
	// nil. An error aborts History.
	Inspector func(ctx context.Context, good time.Time) (Inspect, error)
	// Measure measures snapshots that were saved again with another tree, as a rewrite
	// does, in place of the original. Those for which its budget does not suffice are
	// marked. nil takes what they say of themselves.
	Measure Measure
	// Known remembers what earlier calls have read of this bucket, and then what this
	// one has: only what is new is read, with the same result. nil reads everything
	// again.
	Known *Known
	// Settings remembers the bucket's settings as earlier calls have seen them: a
	// change is a mark of its own. This call adds what it finds. nil watches no
	// settings.
	Settings *KnownSettings
	// Listing is the bucket's listing, if it was taken already by ListForHistory. It
	// serves one History.
	Listing *Listing
	// VerifyStates is how many of the newest saved states are compared with the
	// version history: 0 for ten, negative for all. NoVerify compares none.
	VerifyStates int
	NoVerify     bool
	OnEvent      func(Event)
}

// History reads a bucket's version listing as a timeline and marks what no run
// of restic does:
//
//   - an object of a repository overwritten with something else, directly or after a
//     deletion;
//   - packs, snapshots, indexes or keys deleted while nobody held a lock that
//     allows it, or the last snapshot or key;
//   - objects too short or too large for what they should be, or that do not belong;
//   - keys, indexes, snapshots and locks whose bytes are not those of their names;
//   - snapshots that took the place of others with less than half in them (see
//     HistoryOptions.Measure), until a later one has as much again;
//   - saved states that the version history contradicts or that cannot be read;
//   - bucket settings that others have changed, see HistoryOptions.Settings.
//
// What an attacker does with restic itself looks like an ordinary run to all but the
// Inspector and the Prover, which may know the repository's password.
//
// Marks can be settled. An overwritten object whose bytes match its name is not marked;
// the proof of a later moment settles packs and indexes that were deleted;
// ReviewedUntil settles all marks but those on restic's objects that an upload in parts
// has overwritten, until they are put right: it may be dated to long before it came. If
// a lifecycle rule or an admin removes something that was listed before it is read, the
// bucket is listed again, up to three times.
//
// Memory use grows with the number of minutes with activity, of seconds with deletions,
// of locks, and of saved states, including the differences of those that were compared.
// A mark takes some 220 bytes until the history ends, since only then is it known which
// marks are settled and which are shown; a name that was written twice takes some 30.
// At most 100,000 marks, 100,000 objects that do not belong and 200,000 names are held;
// of further marks only how many there were in each minute, and of further names 16 MiB
// for all. The result holds only what it shows.
//
// Errors: ErrNotVersioned, ErrBadListing, and those of Prover and Inspector.
func (s *Store) History(ctx context.Context, bucket string, opts HistoryOptions) (*History, error) {
	s = s.made()
	rep := newReporter(opts.OnEvent)
	defer rep.close()
	if err := s.requireVersioned(ctx, bucket); err != nil {
		return nil, err
	}
	var found *History
	err := looks(rep, bucket, func(last bool) (err error) {
		found, err = s.look(ctx, bucket, opts, last, rep)
		opts.Listing = nil // it serves once
		return err
	})
	return found, err
}

// look is History on one listing. It returns errVanished if that is outdated, unless
// this is the last look.
func (s *Store) look(ctx context.Context, bucket string, opts HistoryOptions, last bool, rep *reporter) (*History, error) {
	h, newest, err := opts.Listing.use(bucket, opts.ReadAll)
	if err != nil {
		return nil, err
	}
	if h == nil {
		h = newTimeline(bucket)
		h.reads(opts.ReadAll, s.readMost)
		if opts.Prover != nil {
			newest = newNewestView(s.rightBytes(ctx, bucket))
		}
		if err := s.listHistory(ctx, bucket, h, newest, rep, nil); err != nil {
			return nil, err
		}
	}
	h.review(opts)
	if err := s.lockRules(ctx, bucket, h, opts.Settings); err != nil {
		return nil, err
	}
	h.end(cmp.Or(max(opts.Gap, 0), defaultGap))
	if err := s.judge(ctx, bucket, h, newest, opts, last, rep); err != nil {
		return nil, err
	}
	if opts.Settings != nil {
		if err := s.LookAtSettings(ctx, bucket, opts.Settings); err != nil {
			return nil, err
		}
		h.settings(opts.Settings, cmp.Or(opts.SettingsReviewedUntil, opts.ReviewedUntil))
	}
	return h.res, nil
}

func (h *timeline) review(opts HistoryOptions) {
	h.reviewed, h.res.ReviewedUntil = opts.ReviewedUntil, opts.ReviewedUntil
	h.found.reviewed, h.strangers.reviewed = opts.ReviewedUntil, opts.ReviewedUntil
	h.provedUntil, h.res.ProvedUntil = opts.ProvedUntil, opts.ProvedUntil
	h.proving = opts.Prover != nil
	h.res.Proof = Proof{Verdict: NotProved, Reason: NoPassword}
}

// judge goes beyond the listing: it reads metadata and compares states. ReadAll reads
// every lock that matters; which keys, indexes and snapshots are read was decided while
// h took the listing.
func (s *Store) judge(ctx context.Context, bucket string, h *timeline, newest *newestView, opts HistoryOptions, last bool, rep *reporter) error {
	h.res.Unread = h.unread.total
	look := newSearch(s, bucket, opts.Prover, newest, rep)
	prove := func() error {
		if opts.Prover == nil {
			return nil
		}
		if err := h.prove(ctx, look); err != nil {
			return err
		}
		h.res.Proof = *h.proof
		h.sum()
		return nil
	}
	if err := prove(); err != nil {
		return err
	}
	if !opts.ListOnly {
		var inspect Inspect
		var err error
		if opts.Inspector != nil {
			if inspect, err = opts.Inspector(ctx, h.res.LastGood); err != nil {
				return err
			}
		}
		if err := s.readMetadata(ctx, bucket, h, inspect, opts, last); err != nil {
			return err
		}
		h.sum()
	}
	if n := statesToVerify(opts.VerifyStates, opts.NoVerify); n > 0 {
		if err := s.judgeStates(ctx, bucket, h, n, opts.Known); err != nil {
			return err
		}
	}
	h.sum()
	// What was read may have marked more, or less.
	if err := prove(); err != nil {
		return err
	}
	return h.holdLastState(ctx, look, opts.Known)
}
