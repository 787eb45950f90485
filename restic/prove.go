package restic

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/cesnet/rwm/internal/s3err"
)

// ProofVerdict is the result of a proof.
type ProofVerdict string

// The verdicts. Only Proved means that a moment is good.
const (
	Proved    ProofVerdict = "proved"     // it opens and holds together
	Broken    ProofVerdict = "broken"     // something that is needed is missing or damaged
	NotProved ProofVerdict = "not proved" // it could not be examined completely
)

var (
	// ErrBroken: the repository does not hold together. The error is a *BrokenError.
	ErrBroken = errors.New("repository is broken")
	// ErrNotProved: it could not be determined whether the repository holds together.
	// The error of Prove also wraps the cause: ErrWrongPassword, ErrNoRepository,
	// ErrBudget, ErrUnreachable, ErrAccessDenied, ErrTooManyKeys or a context's error.
	ErrNotProved = s3err.ErrNotProved
	// ErrBudget: an operation would have taken more requests or bytes than allowed.
	ErrBudget = errors.New("budget spent")
)

// ProveOptions configures a proof. The zero value proves all that can be proved without
// reading data.
type ProveOptions struct {
	// MaxRequests and MaxBytes limit what is requested from the storage; 0 means no
	// limit. A proof that reaches one of them ends as NotProved with ErrBudget. Opening
	// the repository counts.
	MaxRequests, MaxBytes int64
	// Suspect reports whether an object must be read whole from the storage, past the
	// cache, and compared with its name, because it was overwritten: for instance with
	// another encryption or in another storage class. The object is named by its key in
	// the bucket (for a local repository, below its directory). The header of a suspect
	// pack is compared with the index, too. nil suspects nothing.
	Suspect func(key string) bool
	// PackHeaders reads the header of every pack, unless Ledger knows it already, and
	// compares it with the index: one request per pack. Without it an index that was
	// forged with the repository's key may name blobs that its packs do not have.
	PackHeaders bool
	// Ledger remembers what was proved, across proofs of several moments of a
	// repository. nil starts from nothing, and reads all as of a moment again.
	Ledger *Ledger
	// OnEvent receives Progress and CheckFinding events.
	OnEvent func(Event)
}

// Proof is the result of Prove. It survives JSON.
type Proof struct {
	Location string       `json:"location"`
	Verdict  ProofVerdict `json:"verdict"`
	// Reason says in words why the verdict is not Proved.
	Reason string `json:"reason,omitempty"`

	RepositoryID string `json:"repository_id,omitempty"`
	Version      uint   `json:"version,omitempty"` // of the repository's format
	KeyID        ID     `json:"key_id,omitzero"`   // the key that the password opened

	// Broken lists what is missing or damaged, at most 1,000 entries of BrokenTotal,
	// ordered by kind and object.
	Broken      []BrokenObject `json:"broken,omitempty"`
	BrokenTotal int            `json:"broken_total,omitempty"`

	Snapshots  int `json:"snapshots"`
	Indexes    int `json:"indexes"`
	Packs      int `json:"packs"`                 // that the indexes name
	NotIndexed int `json:"not_indexed,omitempty"` // packs in no index, which is no damage
	Blobs      int `json:"blobs"`                 // that the indexes name, trees included
	Trees      int `json:"trees"`                 // that were read, each once
	PacksRead  int `json:"packs_read,omitempty"`  // whose header or content was compared

	Requests int64   `json:"requests"` // sent to the storage
	Bytes    int64   `json:"bytes"`    // received from it
	Seconds  float64 `json:"seconds"`  // how long it took
}

// BrokenObject is an object that a repository needs and that is missing or damaged.
type BrokenObject struct {
	Kind FindingKind `json:"kind"`
	// Object is the key of the object in the bucket, "" if it is not known.
	Object   string `json:"object,omitempty"`
	Snapshot ID     `json:"snapshot,omitzero"`
	Index    ID     `json:"index,omitzero"`
	Pack     ID     `json:"pack,omitzero"`
	Tree     ID     `json:"tree,omitzero"`
	Blob     ID     `json:"blob,omitzero"`
	Name     string `json:"name,omitempty"` // the entry of Tree that is concerned
	Reason   string `json:"reason,omitempty"`
}

// String describes the object on one line.
func (b BrokenObject) String() string {
	text := b.finding().Error()
	if b.Object != "" {
		text += " (" + b.Object + ")"
	}
	if b.Reason != "" {
		text += ": " + b.Reason
	}
	return strings.ReplaceAll(text, "\n", " ")
}

// finding is the object as Check reports it; without its key and the reason.
func (b BrokenObject) finding() *Finding {
	return &Finding{Kind: b.Kind, Snapshot: b.Snapshot, Index: b.Index, Pack: b.Pack, Tree: b.Tree, Blob: b.Blob, Name: b.Name}
}

// compare orders objects by kind, then by name.
func (b BrokenObject) compare(o BrokenObject) int {
	return cmp.Or(cmp.Compare(b.Kind, o.Kind), cmp.Compare(b.Object, o.Object),
		bytes.Compare(b.Snapshot[:], o.Snapshot[:]), bytes.Compare(b.Index[:], o.Index[:]),
		bytes.Compare(b.Pack[:], o.Pack[:]), bytes.Compare(b.Tree[:], o.Tree[:]),
		bytes.Compare(b.Blob[:], o.Blob[:]), cmp.Compare(b.Name, o.Name), cmp.Compare(b.Reason, o.Reason))
}

// BrokenError says that a repository does not hold together. errors.Is(err, ErrBroken)
// and errors.Is(err, ErrDamaged) are true.
type BrokenError struct {
	Location string
	Broken   []BrokenObject // as in Proof
	Total    int
}

// Error names the first object and how many more there are.
func (e *BrokenError) Error() string {
	if len(e.Broken) == 0 {
		return fmt.Sprintf("%s: %v", e.Location, ErrBroken)
	}
	more := ""
	if e.Total > 1 {
		more = fmt.Sprintf(" (and %d more)", e.Total-1)
	}
	return fmt.Sprintf("%s: %v: %v%s", e.Location, ErrBroken, e.Broken[0], more)
}

// Is makes errors.Is true for ErrBroken and ErrDamaged.
func (e *BrokenError) Is(target error) bool { return target == ErrBroken || target == ErrDamaged }

// maxBroken bounds how many broken objects a proof lists.
const maxBroken = 1000
