package restic

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// NeedsOptions configures Needs.
type NeedsOptions struct {
	// Snapshots limits the packs to those that these snapshots need; nil asks for all
	// that the indexes name. An empty list, which is not nil, needs no pack.
	Snapshots []ID
	// Live limits the packs to those that any snapshot needs, so that what a prune
	// would remove is left out. Snapshots must be nil then.
	Live bool
	// Prove configures the proof that Needs makes.
	Prove ProveOptions
}

// Needed is the set of objects that a repository needs.
type Needed struct {
	objects map[string]struct{}
}

// Len is how many objects are needed.
func (n *Needed) Len() int { return len(n.objects) }

// Has reports whether an object, named by its key in the bucket, is needed.
func (n *Needed) Has(key string) bool {
	_, ok := n.objects[key]
	return ok
}

// All iterates over the keys of the objects, in no order.
func (n *Needed) All() iter.Seq[string] {
	return func(yield func(string) bool) {
		for key := range n.objects {
			if !yield(key) {
				return
			}
		}
	}
}

// Among returns those of the keys that are needed: for instance, of the packs that were
// deleted while a lock was held, those that a later moment lacks.
func (n *Needed) Among(keys iter.Seq[string]) []string {
	var out []string
	for key := range keys {
		if n.Has(key) {
			out = append(out, key)
		}
	}
	return out
}

// Needs proves a repository as Prove does and lists the objects it needs: the config,
// all keys, all indexes, the snapshots, and packs as the options say. Where a blob is
// in several packs one of them is enough.
//
// It is for what copies or counts objects. What it leaves out may still be needed if an
// attacker has written the indexes, so it is no reason to remove or unlock anything.
//
// If the repository is broken, Needs returns the list together with the error. The list
// then also names what is missing, as far as that could be determined, and is nil if
// nothing could be. It takes some 200 bytes of memory for each object, in addition to
// the proof's.
func Needs(ctx context.Context, loc Location, password string, o NeedsOptions, opts ...Option) (*Needed, *Proof, error) {
	if o.Live && o.Snapshots != nil {
		return nil, nil, fmt.Errorf("%s: Live and Snapshots exclude each other", loc)
	}
	p := &proof{o: o.Prove, limits: &meterLimits{maxRequests: o.Prove.MaxRequests, maxBytes: o.Prove.MaxBytes},
		exact: o.Live || o.Snapshots != nil}
	if o.Snapshots != nil {
		p.only = engrestic.NewIDSet()
		for _, id := range o.Snapshots {
			p.only.Insert(engrestic.ID(id))
		}
	}
	res, err := p.prove(ctx, loc, password, opts)
	if res.Verdict == NotProved || p.names.indexes == nil {
		return nil, res, err
	}
	return p.listNeeded(), res, err
}

func (p *proof) listNeeded() *Needed {
	n := &Needed{objects: make(map[string]struct{}, len(p.packs.list)+len(p.names.indexes)+len(p.names.snapshots)+len(p.keyNames)+1)}
	add := func(t engbackend.FileType, name string) {
		n.objects[p.keyFor(engbackend.Handle{Type: t, Name: name})] = struct{}{}
	}
	add(engbackend.ConfigFile, "")
	for _, name := range p.keyNames {
		add(engbackend.KeyFile, name)
	}
	for id := range p.names.indexes {
		add(engbackend.IndexFile, id.String())
	}
	for id := range p.names.snapshots {
		if p.only == nil || p.only.Has(id) {
			add(engbackend.SnapshotFile, id.String())
		}
	}
	for i := range p.packs.list {
		if !p.exact || p.needed.pack != nil && p.needed.pack[i] {
			add(engbackend.PackFile, p.packs.list[i].id.String())
		}
	}
	return n
}

// needs collects the packs that an exact walk finds needed.
type needs struct {
	mu   sync.Mutex
	pack []bool
}

// need notes a blob that is needed. Of several copies the first in a pack that is there
// counts, or one in a pack that is needed anyway.
func (p *proof) need(copies []dataBlob) {
	p.needed.mu.Lock()
	defer p.needed.mu.Unlock()
	if p.needed.pack == nil {
		p.needed.pack = make([]bool, len(p.packs.list))
	}
	best := slices.IndexFunc(copies, func(b dataBlob) bool { return p.needed.pack[b.pack] })
	if best < 0 {
		best = max(0, slices.IndexFunc(copies, func(b dataBlob) bool { return p.packs.list[b.pack].there }))
	}
	p.needed.pack[copies[best].pack] = true
}
