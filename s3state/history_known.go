package s3state

import (
	"encoding/json"
	"sync"
)

// Known remembers what History has read, so that a later one reads only what is new: a
// version never changes, so neither does what was found in it. Only what was found
// right is remembered; everything else is read again each time. It survives JSON, holds
// no content, and is as long as what one History reads. It is for one bucket: keep it
// where no host can write. It is safe for concurrent use, one History at a time. The
// zero value knows nothing.
type Known struct {
	mu    sync.Mutex
	scope string
	found map[string]knownVersion
	used  map[string]bool // by the History that runs
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
}

// MarshalJSON makes it survive JSON.
func (k *Known) MarshalJSON() ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return json.Marshal(knownFile{k.scope, k.found})
}

// UnmarshalJSON replaces what is known.
func (k *Known) UnmarshalJSON(text []byte) error {
	var f knownFile
	if err := json.Unmarshal(text, &f); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.scope, k.found = f.Scope, f.Found
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
