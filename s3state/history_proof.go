package s3state

import (
	"context"
	"slices"
	"time"
)

// ProofVerdict is the result of a Prover.
type ProofVerdict string

// The verdicts. Only Proved means that a moment is good.
const (
	Proved    ProofVerdict = "proved"     // the repository opens and holds together
	Broken    ProofVerdict = "broken"     // something that it needs is missing or damaged
	NotProved ProofVerdict = "not proved" // it could not be looked at to the end
)

// NoPassword is the Reason of a Proof when there is no Prover.
const NoPassword = "no password given"

// Proof is the result of proving a moment, beyond what the listing shows. It survives
// JSON.
type Proof struct {
	Verdict ProofVerdict `json:"verdict"`
	// Reason says in words why the verdict is not Proved.
	Reason string `json:"reason,omitempty"`
	// Fault names what is wrong, by the same text at every moment that lacks the same
	// object. A Prover sets it, or leaves it empty if it cannot tell.
	Fault string    `json:"-"`
	At    time.Time `json:"at,omitzero"` // the moment that was looked at
	// DataRead says that every pack was read, too, and every blob in it was right.
	DataRead  bool `json:"data_read"`
	Snapshots int  `json:"snapshots,omitempty"`
	Packs     int  `json:"packs,omitempty"`
	// Tried is how many moments were looked at, Requests and Bytes what that took.
	Tried    int   `json:"tried,omitempty"`
	Requests int64 `json:"requests,omitempty"`
	Bytes    int64 `json:"bytes,omitempty"`

	// Spent says that the budget of the search is used up. A Prover sets it.
	Spent bool `json:"spent,omitempty"`
}

// Prover opens the repository of a bucket as of a moment and finds out whether it holds
// together. suspect names the objects to be read whole, because they were written more
// than once. An error aborts the whole operation. A broken moment, or one that cannot
// be proved, is not an error.
type Prover func(ctx context.Context, at *View, suspect func(key string) bool) (*Proof, error)

// search looks for the latest moment that holds.
type search struct {
	s      *Store
	bucket string
	prover Prover
	rep    *reporter
	newest *newestView // of the listing that the timeline is made of; nil without
	known  map[int64]*Proof
	spent  bool
	sum    Proof // Tried, Requests, Bytes
}

func newSearch(s *Store, bucket string, prover Prover, newest *newestView, rep *reporter) *search {
	return &search{s: s, bucket: bucket, prover: prover, newest: newest, rep: rep, known: make(map[int64]*Proof)}
}

func (p *search) at(ctx context.Context, h *timeline, at time.Time) (*Proof, error) {
	if known := p.known[at.UnixNano()]; known != nil {
		return known, nil
	}
	view, err := p.view(ctx, at)
	if err != nil {
		return nil, err
	}
	proof, err := p.proof(ctx, h, view)
	if err != nil {
		return nil, err
	}
	proof.At = at
	p.known[at.UnixNano()] = proof
	p.said("prove the moment "+at.UTC().Format(time.RFC3339), proof)
	return proof, nil
}

func (p *search) view(ctx context.Context, at time.Time) (*View, error) {
	if view := p.newest.at(p.bucket, at, p.s.now()); view != nil {
		return view, nil
	}
	p.newest = nil // the next moments are earlier: one view in memory is enough
	return p.s.View(ctx, p.bucket, Moment{At: at}, ViewOptions{})
}

// proof asks the prover, and sums up what that took.
func (p *search) proof(ctx context.Context, h *timeline, view *View) (*Proof, error) {
	proof, err := p.prover(ctx, view, h.twice.written)
	if err != nil {
		return nil, err
	}
	p.sum.Tried++
	p.sum.Requests += proof.Requests
	p.sum.Bytes += proof.Bytes
	p.spent = p.spent || proof.Spent
	return proof, nil
}

func (p *search) said(what string, proof *Proof) {
	text := what + ": " + string(proof.Verdict)
	if proof.Reason != "" {
		text += ", " + proof.Reason
	}
	p.rep.emit(StepDone{Bucket: p.bucket, Step: text})
}

// mostFaults bounds how often latest takes a moment that does not hold for another
// reason as a sign that something was repaired in between.
const mostFaults = 16

// latest finds the latest of the moments, the newest first, that holds: it goes back in
// steps that double until one does, or lacks something else, and then halves the way to
// the last that did not. What lacks something else may have been repaired before the
// newer fault, so the search goes on from there. failed is the oldest that is known not
// to hold after good.
func (p *search) latest(ctx context.Context, h *timeline, moments []time.Time) (good, failed *Proof, err error) {
	lo := -1 // moments[lo] does not hold, nor do the newer ones, as far as is known
	for faults := 0; ; faults++ {
		same := func(proof *Proof) bool {
			return proof.Verdict != Proved && (failed == nil || faults >= mostFaults || proof.Fault == failed.Fault)
		}
		var found *Proof // the first that does not fail in the same way
		hi := lo + 1
		for step := 1; hi < len(moments); step *= 2 {
			if found, err = p.at(ctx, h, moments[hi]); err != nil {
				return nil, nil, err
			}
			if !same(found) {
				break
			}
			lo, failed = hi, found
			if p.spent {
				return nil, failed, nil
			}
			if hi = min(hi+step, len(moments)-1); hi == lo {
				hi = len(moments)
			}
		}
		if hi == len(moments) {
			if failed != nil && failed.Verdict == NotProved {
				return p.anyOf(ctx, h, moments)
			}
			return nil, failed, nil
		}
		for hi-lo > 1 && !p.spent {
			mid := (lo + hi) / 2
			proof, err := p.at(ctx, h, moments[mid])
			if err != nil {
				return nil, nil, err
			}
			if same(proof) {
				lo, failed = mid, proof
			} else {
				hi, found = mid, proof
			}
		}
		if found.Verdict == Proved {
			return found, failed, nil
		}
		if lo, failed = hi, found; p.spent {
			return nil, failed, nil
		}
	}
}

// mostSkipped bounds how many moments anyOf tries.
const mostSkipped = 64

// anyOf looks at the newest moments one by one, after none of those that latest has
// tried holds and the oldest does not open: those before a change of the password do
// not, and the steps back may have gone past all that do.
func (p *search) anyOf(ctx context.Context, h *timeline, moments []time.Time) (good, failed *Proof, err error) {
	for i, at := range moments {
		if i >= mostSkipped && i < len(moments)-1 {
			continue // the last one is what was tried last
		}
		proof, err := p.at(ctx, h, at)
		if err != nil {
			return nil, nil, err
		}
		if proof.Verdict == Proved {
			return proof, failed, nil
		}
		if failed = proof; p.spent {
			break
		}
	}
	return nil, failed, nil
}

// whole drops the moments of which the bucket's own lifecycle rule may have removed
// something. What is left of such a moment may hold together, as an empty repository
// does, without ever having been a moment. The newest moment is complete, however old
// it is.
func (p *search) whole(ctx context.Context, moments []time.Time) []time.Time {
	oldest := moments[len(moments)-1]
	lapse := (&ownRule{s: p.s, bucket: p.bucket}).lapse(ctx, oldest)
	if lapse == nil {
		return moments
	}
	n := 1
	for n < len(moments) && !moments[n].Before(lapse.Since) {
		n++
	}
	if n < len(moments) && lapse.Since.Before(moments[n-1]) {
		// Nothing that was current then is gone, and it may be what was there for long.
		return append(slices.Clip(moments[:n]), lapse.Since)
	}
	return moments[:n]
}

// Prove calls prover for one moment of a bucket, as History does: objects written more
// than once are suspect.
func (s *Store) Prove(ctx context.Context, bucket string, at time.Time, prover Prover) (*Proof, error) {
	s = s.made()
	h := newTimeline(bucket)
	newest := newNewestView(s.rightBytes(ctx, bucket))
	if err := s.listHistory(ctx, bucket, h, newest, nil, nil); err != nil {
		return nil, err
	}
	return newSearch(s, bucket, prover, newest, nil).at(ctx, h, at)
}

// moments are those that History may name, the newest first: ends of steps and of
// backups, and when states were saved. On servers that date to the second they are ends
// of seconds: else the proof would not look at what happened last.
func (h *timeline) moments() []time.Time {
	var all []time.Time
	for _, st := range h.res.Steps {
		all = append(all, endOf(st.To))
	}
	for i := range h.res.States {
		all = append(all, endOf(h.res.States[i].Time))
	}
	for _, m := range h.minutes {
		if m.n(TypeSnapshot, Written) > 0 {
			// What else is of that minute may be an attack, also a later one: an upload
			// in parts may be dated to when it was begun. restic writes the snapshot
			// last.
			all = append(all, endOf(m.last), endOf(m.snapshot))
		}
	}
	slices.SortFunc(all, func(a, b time.Time) int { return b.Compare(a) })
	return slices.CompactFunc(all, time.Time.Equal)
}

// prove finds the latest moment that holds, among those before anything that only a
// person can settle.
func (h *timeline) prove(ctx context.Context, p *search) error {
	if !h.repository {
		h.proof = &Proof{Verdict: NotProved, Reason: h.noRepository()}
		h.good = time.Time{}
		return nil
	}
	if h.inParts && !h.nowBad {
		now, err := p.at(ctx, h, p.s.now().Add(2*offAtMost))
		if err != nil {
			return err
		}
		if h.nowBad = now.Verdict != Proved; h.nowBad {
			h.sum()
		}
	}
	var moments []time.Time
	for _, at := range h.moments() {
		if h.may(at) {
			moments = append(moments, at)
		}
	}
	good, failed, err := p.latest(ctx, h, moments[:min(len(moments), 1)])
	if err == nil && good == nil && !p.spent && len(moments) > 1 {
		good, failed, err = p.latest(ctx, h, p.whole(ctx, moments))
	}
	if err != nil {
		return err
	}
	h.good, h.fails = time.Time{}, failed
	switch {
	case good != nil:
		proof := *good
		h.proof, h.good = &proof, good.At
	case failed != nil:
		proof := *failed
		h.proof = &proof
	default:
		h.proof = &Proof{Verdict: NotProved, Reason: "there is no moment before the first mark"}
	}
	h.proof.Tried, h.proof.Requests, h.proof.Bytes, h.proof.Spent = p.sum.Tried, p.sum.Requests, p.sum.Bytes, p.spent
	return nil
}
