package s3state

import "sync"

// remembered is a part of Known: what was found in versions, by their names. The name
// "" is that of a version that can be overwritten, of which nothing is kept. nil keeps
// nothing.
type remembered[V any] struct {
	mu   sync.Mutex
	all  map[string]V
	used map[string]V // by the History that runs
}

func (r *remembered[V]) begin() {
	if r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.used = make(map[string]V)
	}
}

// end forgets what was not asked for since begin.
func (r *remembered[V]) end() {
	if r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.all, r.used = r.used, nil
	}
}

func (r *remembered[V]) get(name string) (found V, ok bool) {
	if r == nil {
		return found, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if found, ok = r.all[name]; ok {
		r.used[name] = found
	}
	return found, ok
}

func (r *remembered[V]) put(name string, found V) {
	if r != nil && name != "" {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.used[name] = found
	}
}

// set replaces everything.
func (r *remembered[V]) set(all map[string]V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = all
}

// list is for JSON.
func (r *remembered[V]) list() map[string]V {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all
}

// Those that a Known has; nil of a nil one.

func (k *Known) knownSizes() *remembered[SnapshotSize] {
	if k == nil {
		return nil
	}
	return &k.sizes
}

func (k *Known) knownStates() *remembered[*Verification] {
	if k == nil {
		return nil
	}
	return &k.states
}

func (k *Known) heldStates() *remembered[bool] {
	if k == nil {
		return nil
	}
	return &k.held
}
