package rwm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// WithEvidence names a file in which [Manager.History] and [Manager.Prove] remember
// which keys, indexes, snapshots, locks and packs of the configured bucket they have
// read and found right. The next ones read only what is new and come to the same
// result. Keep it where no host can write. It is created when needed; one that cannot
// be read, or is that of another bucket, is replaced. By default nothing is remembered.
func WithEvidence(file string) Option {
	return func(m *Manager) { m.evidence = &evidence{file: file} }
}

const evidenceVersion = 1

// evidence is what is known of the configured bucket and its repository. A nil evidence
// knows and remembers nothing.
type evidence struct {
	file string

	mu       sync.Mutex // one operation at a time
	loaded   bool
	identity string // of the repository that Read is about
	known    *s3state.Known
	ledger   *restic.Ledger
	read     map[string]bool // packs whose data was read, see readName
}

type evidenceFile struct {
	Version  int             `json:"version"`
	Bucket   string          `json:"bucket"`
	Identity string          `json:"identity,omitempty"`
	Known    *s3state.Known  `json:"known"`
	Ledger   []byte          `json:"ledger"`
	Read     map[string]bool `json:"read,omitempty"`
}

// begin locks the evidence until end, and loads it when it is needed first.
func (e *evidence) begin(m *Manager) {
	if e == nil {
		return
	}
	e.mu.Lock()
	if e.loaded {
		return
	}
	e.loaded = true
	e.known, e.ledger = &s3state.Known{}, &restic.Ledger{}
	f := evidenceFile{Known: &s3state.Known{}}
	text, err := os.ReadFile(e.file)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	ledger := &restic.Ledger{}
	if err == nil {
		err = ledger.UnmarshalBinary(f.Ledger)
	}
	if err != nil || f.Version != evidenceVersion || f.Bucket != m.reviewName(m.cfg.ResticBucket) || f.Known == nil {
		m.log.Info("what was read before is not known, so everything is read again", "file", e.file, "error", err)
		return
	}
	e.known, e.ledger, e.identity, e.read = f.Known, ledger, f.Identity, f.Read
}

// end writes the evidence, whatever the operation has found. If that fails, it only
// costs time.
func (e *evidence) end(m *Manager) {
	if e == nil {
		return
	}
	defer e.mu.Unlock()
	ledger, err := e.ledger.MarshalBinary()
	var text []byte
	if err == nil {
		text, err = json.Marshal(evidenceFile{evidenceVersion, m.reviewName(m.cfg.ResticBucket), e.identity, e.known, ledger, e.read})
	}
	if err == nil {
		err = replaceFile(e.file, text)
	}
	if err != nil {
		m.log.Warn("what was read cannot be remembered", "file", e.file, "error", err)
	}
}

// judging says of which repository the verdicts and the data read are from now on.
func (e *evidence) judging(ctx context.Context, session *restic.Session) error {
	if e == nil {
		return nil
	}
	identity, err := session.Identity(ctx)
	if err != nil {
		return err
	}
	e.known.Judging(identity + " with trees, by hashes") // what verdicts have since then
	if identity != e.identity {
		e.identity, e.read = identity, nil
	}
	return nil
}

// reads are what History is to remember; nil without evidence.
func (e *evidence) reads() *s3state.Known {
	if e == nil {
		return nil
	}
	return e.known
}

// packs is what proofs are to remember.
func (e *evidence) packs() *restic.Ledger {
	if e == nil {
		return &restic.Ledger{}
	}
	return e.ledger
}

// haveRead notes that the data of packs was read, and forgets the others: these are all
// that the index names. MaxData of [ProofOptions] bounds how many there are.
func (e *evidence) haveRead(names []string) {
	if e == nil {
		return
	}
	e.read = make(map[string]bool)
	for _, name := range names {
		if name != "" {
			e.read[name] = true
		}
	}
}

// readName is "" for what was written while versioning was off, since that can be
// overwritten.
func readName(o s3state.Object) string {
	if o.VersionID == "" || o.VersionID == "null" {
		return ""
	}
	return o.Key + "\x00" + o.VersionID
}

// replaceFile replaces a file that only its owner can read, at once.
func replaceFile(name string, text []byte) error {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
