package s3state

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"
)

// Known remembers what History has read, so that a later one reads only what is new: a
// version never changes, so neither does what was found in it. Only what was found
// right is remembered; everything else is read again each time. A saved state that
// agreed with the version history still agrees with it later, since what is written
// afterwards says nothing about that time; after a drop all are compared again. It
// survives JSON, holds no content, and is as long as what one History reads. It is for
// one bucket: keep it where no host can write. It is safe for concurrent use, one
// History at a time. The zero value knows nothing.
type Known struct {
	mu    sync.Mutex
	scope string
	found map[string]knownVersion
	used  map[string]bool // by the History that runs

	// states are those that are Verified. They hold while all states that were seen are
	// there: a drop removes some, and what the others say of those changes.
	states remembered[*Verification]
	seen   seenStates

	sizes remembered[SnapshotSize] // of snapshots that were measured
	held  remembered[bool]         // states that name what was proved, within the scope
}

// seenStates sums up the states of a listing.
type seenStates struct {
	N    int    `json:"n"`
	Hash string `json:"hash"`
}

func sumStates(states []SavedState) seenStates {
	h := sha256.New()
	for i := range states {
		fmt.Fprintf(h, "%q%q", states[i].Key, states[i].VersionID)
	}
	return seenStates{len(states), hex.EncodeToString(h.Sum(nil))}
}

// knownVersion is a version whose bytes match its name.
type knownVersion struct {
	// Judged says that an Inspect found no fault with it either, and Verdict what it
	// found, which holds only within the scope.
	Judged  bool     `json:"judged,omitempty"`
	Verdict *Verdict `json:"verdict,omitempty"`
}

type knownFile struct {
	Scope string                  `json:"scope"`
	Found map[string]knownVersion `json:"found"`
	// States are the saved states that agree with the version history.
	States map[string]*Verification `json:"states,omitempty"`
	Seen   seenStates               `json:"seen,omitzero"`
	Sizes  map[string]SnapshotSize  `json:"sizes,omitempty"` // of snapshots
	Held   map[string]bool          `json:"held,omitempty"`  // states that name what was proved
}

// MarshalJSON makes it survive JSON.
func (k *Known) MarshalJSON() ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return json.Marshal(knownFile{k.scope, k.found, k.states.list(), k.seen, k.sizes.list(), k.held.list()})
}

// UnmarshalJSON replaces what is known.
func (k *Known) UnmarshalJSON(text []byte) error {
	var f knownFile
	if err := json.Unmarshal(text, &f); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.scope, k.found, k.seen = f.Scope, f.Found, f.Seen
	k.states.set(f.States)
	k.sizes.set(f.Sizes)
	k.held.set(f.Held)
	return nil
}

// Judging sets the scope within which the verdicts of the Inspect to come hold, for
// instance a repository and its key. Verdicts of any other scope are forgotten. An
// Inspector calls it.
func (k *Known) Judging(scope string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if scope == k.scope {
		return
	}
	k.scope = scope
	k.sizes.set(nil)
	k.held.set(nil)
	for name := range k.found {
		k.found[name] = knownVersion{}
	}
}

func (k *Known) begin() {
	if k != nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.used = make(map[string]bool)
	}
}

// end forgets what the History that ends did not need.
func (k *Known) end() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for name := range k.found {
		if !k.used[name] {
			delete(k.found, name)
		}
	}
	k.used = nil
}

// name is "" for what was written while versioning was off: that can be overwritten.
func (k *Known) name(v *Version) string {
	if v.VersionID == "" || v.VersionID == "null" {
		return ""
	}
	return v.Key + "\x00" + v.VersionID
}

// get returns what is known of a version. judged asks for the verdict of an Inspect.
func (k *Known) get(v *Version, judged bool) (verdict Verdict, ok bool) {
	if k == nil {
		return Verdict{}, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	f, ok := k.found[k.name(v)]
	if !ok || judged && !f.Judged {
		return Verdict{}, false
	}
	k.use(v)
	if judged && f.Verdict != nil {
		verdict = *f.Verdict
	}
	return verdict, true
}

// put notes that the bytes of a version match its name, and the verdict of an Inspect.
func (k *Known) put(v *Version, judged bool, verdict Verdict) {
	if k == nil || k.name(v) == "" || verdict.Suspicious != "" {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.found == nil {
		k.found = make(map[string]knownVersion)
	}
	f := k.found[k.name(v)]
	if judged {
		f.Judged, f.Verdict = true, nil
		if verdict != (Verdict{}) {
			f.Verdict = &verdict
		}
	}
	k.found[k.name(v)] = f
	k.use(v)
}

func (k *Known) use(v *Version) {
	if k.used != nil {
		k.used[k.name(v)] = true
	}
}

// beginStates is called with all states of a listing, the oldest first.
func (k *Known) beginStates(states []SavedState) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.seen.N < 0 || k.seen.N > len(states) || sumStates(states[:k.seen.N]) != k.seen {
		k.states.set(nil)
		k.held.set(nil)
	}
	k.seen = sumStates(states)
	k.states.begin()
}

// stateVersionName is "" for what can be overwritten.
func stateVersionName(st *SavedState) string {
	if st.VersionID == "" || st.VersionID == nullVersion {
		return ""
	}
	return st.Key + "\x00" + st.VersionID
}

// state returns how a saved state compared, nil if that is not known.
func (k *Known) state(st *SavedState) *Verification {
	v, _ := k.knownStates().get(stateVersionName(st))
	if v == nil || v.Status != Verified {
		return nil
	}
	found := *v
	return &found
}

// putState notes that a saved state agrees with the history.
func (k *Known) putState(st *SavedState) {
	if st.Verification != nil && st.Verification.Status == Verified {
		v := *st.Verification
		k.knownStates().put(stateVersionName(st), &v)
	}
}
