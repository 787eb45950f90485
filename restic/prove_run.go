package restic

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engcrypto "github.com/restic/restic/rwmlink/crypto"
	englayout "github.com/restic/restic/rwmlink/layout"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// Prove determines whether a repository, usually one as of a moment (see [AsOf]), opens
// and holds together:
//
//   - a key opens with the password, and the config names the repository;
//   - every index is what its name says, encrypted with the repository's key and
//     readable;
//   - every pack that the indexes name is listed, with the size that follows from them;
//   - every snapshot, and every tree that can be reached from it, can be read and
//     matches its hash;
//   - every blob of a file that the trees name is in the indexes.
//
// Prove does not read data; Check with ReadData verifies the content of packs. Suspect
// and PackHeaders narrow the gap.
//
// Indexes, snapshots and packs of trees are kept below "proof" in the cache directory.
// A copy is used only if its hash is its name, its size is the listed one and, as of a
// moment, the Ledger knows that it is one of the version of that moment. Nothing is
// locked or written.
//
// The proof is never nil. err is nil if and only if the verdict is Proved; else it
// wraps ErrBroken or ErrNotProved. A moment at which no key opens with the password is
// not proved (ErrWrongPassword), one that lost its config or all its keys is broken.
//
// A proof requests the key, the config, and the indexes, snapshots and packs of trees
// that are not in the cache, all in parallel. It needs about 30 bytes of memory for
// every blob of the repository, and some 100 MiB for what it is reading.
func Prove(ctx context.Context, loc Location, password string, o ProveOptions, opts ...Option) (*Proof, error) {
	p := &proof{o: o, limits: &meterLimits{maxRequests: o.MaxRequests, maxBytes: o.MaxBytes}}
	return p.prove(ctx, loc, password, opts)
}

// proof is one under way.
type proof struct {
	o      ProveOptions
	limits *meterLimits
	exact  bool            // only trees that are reached are read, for Needs
	only   engrestic.IDSet // walks only these snapshots, nil all

	loc     Location
	session *Session
	key     *engcrypto.Key
	keyFor  func(engbackend.Handle) string // an object's key in the bucket
	store   objectStore
	rep     *reporter

	tagKey    tagKey
	packs     packTable
	data      dataTable
	trees     treeTable
	snapshots []snapshotRoot
	names     proofNames // listed
	keyNames  []string
	listing   chan error // gives the end of listPacks
	listed    []listedObject
	needed    needs

	mu  sync.Mutex
	res Proof
}

// snapshotRoot is what a proof needs of a snapshot.
type snapshotRoot struct{ id, tree ID }

func (p *proof) prove(ctx context.Context, loc Location, password string, opts []Option) (*Proof, error) {
	began := time.Now()
	err := errNoLocation
	if loc != nil {
		p.loc = loc
		p.res.Location = loc.String()
		err = p.run(ctx, password, opts)
	}
	p.res.Requests, p.res.Bytes = p.limits.requests.Load(), p.limits.bytes.Load()
	p.res.Seconds = time.Since(began).Seconds()
	err = p.judge(err)
	if err != nil {
		p.res.Reason = strings.TrimPrefix(oneLine(err), ErrNotProved.Error()+": ") // the Verdict says that
	}
	return &p.res, err
}

// judge makes the verdict of what was found and of the error that ended the proof.
func (p *proof) judge(err error) error {
	if p.res.BrokenTotal == 0 && errors.Is(err, ErrDamaged) && !errors.Is(err, ErrWrongPassword) {
		b := BrokenObject{Kind: ConfigUnusable, Reason: oneLine(err)}
		var damaged *damagedError
		if errors.As(err, &damaged) {
			b.Object = damaged.object
		}
		if b.Object != "config" {
			b.Kind = KeysUnusable
		}
		p.broken(b)
	}
	switch {
	case p.res.BrokenTotal > 0:
		p.res.Verdict = Broken
		// found in parallel; what is named first must not depend on that
		slices.SortStableFunc(p.res.Broken, BrokenObject.compare)
		return &BrokenError{Location: p.loc.String(), Broken: p.res.Broken, Total: p.res.BrokenTotal}
	case err == nil:
		p.res.Verdict = Proved
		return nil
	}
	p.res.Verdict = NotProved
	return fmt.Errorf("%w: %w", ErrNotProved, err)
}

func (p *proof) run(ctx context.Context, password string, opts []Option) error {
	limits := func(o *options) { o.meter, o.readOnly, o.proof = p.limits, true, true }
	session, err := Open(ctx, p.loc, password, append(slices.Clone(opts), limits)...)
	if err != nil {
		return err
	}
	defer func() { _ = session.Close() }() // it has only read
	ctx, cancel := context.WithCancel(ctx)
	defer func() { // before the session is closed
		cancel()
		if p.listing != nil {
			<-p.listing
		}
	}()
	p.session = session
	p.rep = session.reporter(p.o.OnEvent)
	defer p.rep.stop()
	p.res.RepositoryID, p.res.Version, p.res.KeyID = session.ID(), session.Version(), session.KeyID()
	repo, err := session.known.open(ctx, session.stack, session.opts.engine())
	if err != nil {
		return err
	}
	p.key = repo.Key()
	p.keyFor = objectKeys(p.loc)
	if p.keyNames, err = keyNames(ctx, session.stack); err != nil {
		return err
	}
	p.store = newObjectStore(session, p.keyFor, p.o.Suspect)
	ledger := p.o.Ledger
	if ledger == nil {
		ledger = &Ledger{}
	}
	p.o.Ledger = ledger
	p.tagKey = ledger.open(session.ID(), p.key)
	// what a running backup adds last is looked at first
	for _, step := range []func(context.Context) error{
		p.readSnapshots, p.readIndexes, p.comparePacks, p.readPacks, p.walkTrees,
	} {
		if err := step(ctx); err != nil {
			return explain(p.loc, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	p.store.tidy(p)
	return nil
}

// objectKeys names objects as they are called at a location.
func objectKeys(loc Location) func(engbackend.Handle) string {
	prefix := ""
	switch l := loc.(type) {
	case *s3Location:
		prefix = l.prefix
	case *asOfLocation:
		prefix = l.prefix
	}
	return englayout.NewDefaultLayout(prefix, path.Join).Filename
}

// broken notes what is missing or damaged.
func (p *proof) broken(b BrokenObject) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.res.BrokenTotal++
	if len(p.res.Broken) < maxBroken {
		p.res.Broken = append(p.res.Broken, b)
	}
	f := *b.finding()
	if b.Reason != "" {
		f.Err = errors.New(b.Reason)
	}
	p.rep.emit(CheckFinding{f})
}

// lost reports whether an error of a load says something about the object. Any other,
// the storage's or the caller's, leaves open what the object is.
func (p *proof) lost(err error) bool {
	return errors.Is(err, ErrDamaged) || p.session.stack.IsNotExist(err) || unreadable(err)
}

// unreadable reports whether the storage has an object but never gives its bytes.
func unreadable(err error) bool {
	var resp minio.ErrorResponse
	if errors.Is(err, ErrAccessDenied) || !errors.As(err, &resp) {
		return false
	}
	// stored with a key of its own (SSE-C), archived, gone
	return resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusGone ||
		resp.Code == "InvalidObjectState" || resp.Code == "NoSuchVersion"
}
