package rwm

import (
	"context"
	"errors"
	"time"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// ProofOptions bound the cost of proving a moment and of searching for a good one. The
// zero value means the defaults.
type ProofOptions struct {
	// MaxRequests bounds the requests of one operation: 0 means 200,000, negative means
	// no bound.
	MaxRequests int64
	// MaxData is the most bytes of packs for which the data of a moment is read, too: 0
	// means 256 MiB, negative means never. A whole search reads no more than that, no
	// pack twice if it was right; moments for which nothing is left are not read, and
	// not proved once the data of a later one was found damaged. An attacker who knows
	// the password can make an index and packs that agree with each other but hold
	// nothing; only reading reveals that.
	MaxData int64
}

const (
	defaultProofRequests = 200_000
	defaultProofData     = 256 << 20
)

func (o ProofOptions) withDefaults() ProofOptions {
	if o.MaxRequests == 0 {
		o.MaxRequests = defaultProofRequests
	}
	if o.MaxData == 0 {
		o.MaxData = defaultProofData
	}
	return o
}

// WithProof bounds the cost of the proofs of [Manager.History], [Manager.CheckStorage]
// and [Manager.DropVersions].
func WithProof(o ProofOptions) Option { return func(m *Manager) { m.proof = o } }

// prover proves moments of the configured repository. What one proof has learned of
// packs the next one knows. e is nil, or held by the caller.
func (m *Manager) prover(e *evidence, opts ...restic.Option) s3state.Prover {
	bounds := m.proof.withDefaults()
	ledger := e.packs()
	data := &dataReader{m: m, e: e, most: bounds.MaxData, left: bounds.MaxData, right: make(map[string]bool)}
	var spent int64
	return func(ctx context.Context, at *s3state.View, suspect func(string) bool) (*s3state.Proof, error) {
		left := max(bounds.MaxRequests-spent, 1)
		if bounds.MaxRequests < 0 {
			left = 0
		}
		found, err := restic.Prove(ctx, m.asOf(at), m.cfg.ResticPassword, restic.ProveOptions{
			MaxRequests: left, PackHeaders: true, Ledger: ledger, Suspect: suspect,
		}, m.sessionOptions(opts)...)
		spent += found.Requests
		p := &s3state.Proof{
			Verdict: s3state.ProofVerdict(found.Verdict), Reason: found.Reason, Snapshots: found.Snapshots, Packs: found.Packs,
			Requests: found.Requests, Bytes: found.Bytes, Spent: errors.Is(err, restic.ErrBudget),
		}
		if len(found.Broken) > 0 {
			p.Fault = found.Broken[0].String()
		}
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, restic.ErrUnreachable):
			return nil, err // it says nothing about the moment
		case found.Verdict == restic.Proved:
			return p, data.read(ctx, at, p)
		}
		return p, nil
	}
}

// Prove finds out whether the configured repository holds together as of a moment, as
// [Manager.History] does of those that it names. An error says nothing about the
// moment.
func (m *Manager) Prove(ctx context.Context, at time.Time, opts ...restic.Option) (*s3state.Proof, error) {
	m = m.made()
	if err := m.needRepository(); err != nil {
		return nil, err
	}
	m.evidence.begin(m)
	defer m.evidence.end(m)
	return m.store.Prove(ctx, m.cfg.ResticBucket, at, m.prover(m.evidence, opts...))
}

// asOf is the configured repository as a view shows its bucket.
func (m *Manager) asOf(at *s3state.View) restic.Location {
	when := "as it is now"
	if !at.Time.IsZero() {
		when = MomentString(at, time.Local)
	}
	return restic.AsOfObjects(m.client, at.Bucket, "", when, viewObjects{at})
}
