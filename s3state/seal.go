package s3state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
)

// ErrNoTimeCondition: the server does not apply a policy statement from a given time
// on, so a bucket that was unsealed would not be sealed again by itself.
var ErrNoTimeCondition = errors.New("the server does not support a time condition in a policy")

// Bounds of UnsealOptions.For.
const (
	MinUnsealed = time.Minute
	MaxUnsealed = 30 * Day
)

// SealOptions configures Seal.
type SealOptions struct{ OnEvent func(Event) }

// UnsealOptions configures Unseal.
type UnsealOptions struct {
	// For is how long the host may read, from MinUnsealed to MaxUnsealed.
	For     time.Duration
	OnEvent func(Event)
}

// SealResult describes a bucket that was sealed or unsealed.
type SealResult struct {
	Bucket string
	Target string // principal of the host
	// UnsealedUntil is when the host is sealed again, by the server's clock; zero after
	// Seal.
	UnsealedUntil time.Time
	Check         *PolicyCheck
}

// Seal keeps the host of a policed bucket from reading file data back, by a Deny of
// reading data/* in the policy. It takes the admin's credentials, also works on a
// bucket that is already sealed or unsealed, and changes nothing else.
//
// A sealed host backs up, lists snapshots and forgets; what needs file data fails with
// restic.ErrSealed, so prune is left to the keeper. On Ceph RGW 16 the host can still
// copy older data in parts; [Store.Access] finds that.
//
// Errors: ErrPolicy (the bucket is not policed; nothing was changed).
func (s *Store) Seal(ctx context.Context, bucket string, opts SealOptions) (*SealResult, error) {
	s = s.made()
	rep := newReporter(opts.OnEvent)
	defer rep.close()
	p, err := s.sealable(ctx, bucket)
	if err != nil {
		return nil, endedEarly(ctx, fmt.Errorf("seal %s: %w", bucket, err), "seal", bucket)
	}
	m := p.maker(s, rep, "seal")
	m.step("deny reading data", func() error { return m.setSealed(ctx, p.policy) })
	return p.result(ctx, m)
}

// Unseal lets the host of a sealed bucket read file data for a time. The server then
// seals it again, without a further request; Seal does so at once. It takes the admin's
// credentials.
//
// Before it lets the host in, Unseal proves on two small objects, with the admin's own
// access, that the server applies a statement from a given time on and not before. If
// not, the error wraps ErrNoTimeCondition, and the host stays sealed. If the host is
// not sealed, the error wraps ErrInvalid.
//
// Errors: ErrPolicy, ErrNoTimeCondition.
func (s *Store) Unseal(ctx context.Context, bucket string, opts UnsealOptions) (*SealResult, error) {
	s = s.made()
	rep := newReporter(opts.OnEvent)
	defer rep.close()
	fail := func(err error) (*SealResult, error) {
		return nil, endedEarly(ctx, fmt.Errorf("unseal %s: %w", bucket, err), "unseal", bucket)
	}
	if opts.For < MinUnsealed || opts.For > MaxUnsealed {
		return fail(fmt.Errorf("%w: %s is not between %s and %d days; nothing was changed", ErrInvalid, opts.For, MinUnsealed, MaxUnsealed/Day))
	}
	p, err := s.sealable(ctx, bucket)
	if err != nil {
		return fail(err)
	}
	if !p.check.Sealed {
		return fail(fmt.Errorf("%w: the host is not sealed; nothing was changed", ErrInvalid))
	}
	m := p.maker(s, rep, "unseal")
	m.next = "the host is sealed, nothing needs to be undone"
	var now time.Time
	m.step("try out whether a statement ends", func() (err error) {
		now, err = s.tryTimes(ctx, m, p)
		return err
	})
	m.step("let the host read", func() error {
		m.seal.until = now.Add(opts.For).UTC().Truncate(time.Second)
		return m.setSealed(ctx, p.policy)
	})
	return p.result(ctx, m)
}

// sealable is a policed bucket whose policy is about to be changed.
type sealable struct {
	bucket     string
	statements []json.RawMessage // without those of a seal or of a trial
	rest       map[string]json.RawMessage
	check      *PolicyCheck
}

// sealable reads and checks a bucket before anything is changed.
func (s *Store) sealable(ctx context.Context, bucket string) (*sealable, error) {
	if err := s.requireOwner(ctx, bucket); err != nil {
		return nil, fmt.Errorf("%w; nothing was changed", err)
	}
	config, err := s.bucketConfig(ctx, bucket)
	if err != nil {
		return nil, err
	}
	p := &sealable{bucket: bucket}
	if err := p.read(config.policy); err != nil {
		return nil, fmt.Errorf("%w: %v; nothing was changed", ErrPolicy, err)
	}
	// A trial that was cut short is no reason to refuse.
	bare, err := p.policy(seal{})
	if err != nil {
		return nil, err
	}
	sealed := checkPolicy(bucket, config)
	config.policy = []byte(bare)
	if p.check = checkPolicy(bucket, config); !p.check.OK {
		return nil, fmt.Errorf("%w: %s; nothing was changed", ErrPolicy, p.check.Problems[0])
	}
	p.check.Sealed, p.check.UnsealedUntil = sealed.Sealed, sealed.UnsealedUntil
	ceph, err := s.isCeph(ctx, bucket)
	if err != nil {
		return nil, err
	}
	if ceph && !p.check.VersionsDenied {
		// A writer could give itself access by the ACL of what it wrote.
		text, err := json.Marshal(denial(bucket, p.check.Target))
		if err != nil {
			return nil, err
		}
		p.statements = append(p.statements, text)
	}
	return p, nil
}

// read splits a policy into statements and keeps all that do not seal as they are
// written.
func (p *sealable) read(policy []byte) error {
	if policy == nil {
		return errors.New("there is no bucket policy")
	}
	if err := json.Unmarshal(policy, &p.rest); err != nil {
		return fmt.Errorf("the policy is not JSON: %w", err)
	}
	var all []json.RawMessage
	if err := json.Unmarshal(p.rest["Statement"], &all); err != nil {
		all = []json.RawMessage{p.rest["Statement"]}
	}
	for _, raw := range all {
		grants, err := readPolicy(fmt.Appendf(nil, `{"Statement":[%s]}`, raw))
		if err != nil {
			return err
		}
		if !isSeal(p.bucket, grants[0]) && !isTrial(p.bucket, grants[0]) {
			p.statements = append(p.statements, raw)
		}
	}
	return nil
}

// policy returns the bucket's policy with a seal.
func (p *sealable) policy(s seal) (string, error) { return p.with(s) }

func (p *sealable) with(s seal, more ...policyStatement) (string, error) {
	if s.on {
		more = append([]policyStatement{s.statement(p.bucket, p.check.Target)}, more...)
	}
	statements := p.statements[:len(p.statements):len(p.statements)]
	for _, st := range more {
		text, err := json.Marshal(st)
		if err != nil {
			return "", err
		}
		statements = append(statements, text)
	}
	doc := map[string]any{}
	for name, value := range p.rest {
		doc[name] = value
	}
	doc["Statement"] = statements
	text, err := json.Marshal(doc)
	return string(text), err
}

func (p *sealable) maker(s *Store, rep *reporter, op string) *maker {
	return &maker{s: s, rep: rep, op: op, bucket: p.bucket, seal: seal{on: true}, next: "run the same again"}
}

// result reads back what was set.
func (p *sealable) result(ctx context.Context, m *maker) (*SealResult, error) {
	res := &SealResult{Bucket: p.bucket, Target: p.check.Target, UnsealedUntil: m.seal.until}
	m.step("check the policy", func() (err error) {
		if res.Check, err = m.s.CheckPolicy(ctx, p.bucket); err != nil {
			return err
		}
		switch {
		case !res.Check.OK:
			return fmt.Errorf("%w: %s", ErrPolicy, res.Check.Problems[0])
		case !res.Check.Sealed || !res.Check.UnsealedUntil.Equal(m.seal.until):
			return fmt.Errorf("%w: it reads back as sealed %v, from %s on", ErrPolicy, res.Check.Sealed, res.Check.UnsealedUntil)
		}
		return nil
	})
	if m.err != nil {
		return nil, m.err
	}
	return res, nil
}

// isTrial recognises the statements of tryTimes.
func isTrial(bucket string, g grant) bool {
	return g.effect == "Deny" && len(g.resources) == 1 && strings.HasPrefix(g.resources[0], "arn:aws:s3:::"+bucket+"/"+canaryPrefix+trial)
}

// refusal distinguishes a refused request from one that failed otherwise.
func refusal(err error) (refused bool, other error) {
	switch {
	case err == nil:
		return false, nil
	case s3err.Forbidden(s3err.Classify(err)):
		return true, nil
	}
	return false, err
}
