package s3state

import (
	"bufio"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
)

// RenewLedger remembers until when the versions of a bucket were locked by Renew, so
// that each is renewed only when it has to be. It is kept in a file on the machine that
// renews, where no host can write, and is proved at every run; losing it costs one
// request for each version. It is safe for concurrent use; a nil one remembers nothing.
type RenewLedger struct {
	mu       sync.Mutex
	path     string
	file     *os.File
	w        *bufio.Writer
	entries  map[[16]byte]int64 // until, in seconds since 1970
	bucket   string             // whose versions these are; "" in one of an older RWM
	promised renewPromise
	proof    FloorProof
	lines    int // in the file
}

// FloorProof is what a run of Renew found at its end: until when everything needed was
// locked, except for versions younger than a minute.
type FloorProof struct {
	Time    time.Time `json:"proved,omitzero"` // of the run
	Floor   time.Time `json:"floor,omitzero"`
	Needed  int64     `json:"needed,omitempty"` // versions
	Young   int64     `json:"young,omitempty"`  // of these, just written: the default locks them
	Failed  int64     `json:"failed,omitempty"`
	Sampled bool      `json:"sampled,omitempty"`
}

// ledgerHeader is a line of the ledger that is about no version.
type ledgerHeader struct {
	Bucket string `json:"bucket,omitempty"`
	renewPromise
	FloorProof
}

// renewPromise is what a renewal must keep.
type renewPromise struct {
	Days       int      `json:"days"`
	RetainDays int      `json:"retain_days"`
	Mode       LockMode `json:"mode"`
}

// OpenRenewLedger reads the ledger in a file, or begins one. Lines that are damaged, as
// by a crash, are left out: their versions are renewed again. Close writes it.
func OpenRenewLedger(path string) (*RenewLedger, error) {
	l := &RenewLedger{path: path, entries: map[[16]byte]int64{}}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("record of renewals: %w", err)
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("record of renewals: %s is not a regular file", path)
	}
	var err error
	if l.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
		return nil, fmt.Errorf("record of renewals: %w", err)
	}
	lines := bufio.NewScanner(l.file)
	for lines.Scan() {
		l.take(lines.Text())
	}
	if err := lines.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
		l.file.Close()
		return nil, fmt.Errorf("record of renewals: %w", err)
	}
	l.w = bufio.NewWriter(l.file)
	// Behind a line that a crash has cut off, the next one begins anew.
	if l.lines > 0 {
		_ = l.w.WriteByte('\n')
	}
	return l, nil
}

func (l *RenewLedger) take(line string) {
	l.lines++
	if strings.HasPrefix(line, "{") {
		var h ledgerHeader
		if json.Unmarshal([]byte(line), &h) == nil && h.Days >= 0 && h.Days <= h.RetainDays && h.RetainDays <= maxLockDays {
			l.bucket, l.promised, l.proof = cmp.Or(h.Bucket, l.bucket), h.renewPromise, h.FloorProof
		}
		return
	}
	id, until, _ := strings.Cut(line, " ")
	raw, err := hex.DecodeString(id)
	seconds, err2 := strconv.ParseInt(until, 10, 64)
	if err != nil || err2 != nil || len(raw) != 16 {
		return
	}
	l.entries[[16]byte(raw)] = seconds
}

func (l *RenewLedger) until(key, version string) time.Time {
	if l == nil {
		return time.Time{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if seconds, ok := l.entries[keepID(key, version)]; ok {
		return time.Unix(seconds, 0).UTC()
	}
	return time.Time{}
}

// set remembers a renewal. An error of writing shows in flush.
func (l *RenewLedger) set(key, version string, until time.Time) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	id := keepID(key, version)
	l.entries[id] = until.Unix()
	l.lines++
	l.line(id, until.Unix())
}

// refused stands for the time until which a version is locked that could not be renewed.
const refused = 1

func (l *RenewLedger) setRefused(key, version string) {
	if !l.wasRefused(key, version) {
		l.set(key, version, time.Unix(refused, 0))
	}
}

func (l *RenewLedger) wasRefused(key, version string) bool {
	return l.until(key, version).Equal(time.Unix(refused, 0))
}

func (l *RenewLedger) line(id [16]byte, until int64) {
	_, _ = fmt.Fprintf(l.w, "%x %d\n", id, until)
}

// of makes it the ledger of a bucket, unless it is another one's already. What that one
// promises would be kept here too, and nobody can undo a lock.
func (l *RenewLedger) of(bucket string) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bucket != "" && l.bucket != bucket {
		return fmt.Errorf("%w: %s is the record of renewals of bucket %s; give bucket %s one of its own; nothing was renewed", ErrInvalid, l.path, s3err.Clip(l.bucket), bucket)
	}
	l.bucket = bucket
	return nil
}

func (l *RenewLedger) promise() renewPromise {
	if l == nil {
		return renewPromise{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.promised
}

func (l *RenewLedger) setPromise(p renewPromise) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if p != l.promised {
		l.promised = p
		l.lines++
		l.header()
	}
}

// setProof remembers what a run has proved.
func (l *RenewLedger) setProof(p FloorProof) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.proof = p
	l.lines++
	l.header()
}

// ReadRenewLedger returns what the renewal ledger in a file says was promised and was
// last proved, and changes nothing. Both are zero if there is no ledger.
func ReadRenewLedger(path string) (Promise, FloorProof, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return Promise{}, FloorProof{}, nil
	}
	if err != nil {
		return Promise{}, FloorProof{}, fmt.Errorf("record of renewals: %w", err)
	}
	defer f.Close()
	var l RenewLedger
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "{") {
			l.take(lines.Text())
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
		return Promise{}, FloorProof{}, fmt.Errorf("record of renewals: %w", err)
	}
	return Promise{Days: l.promised.Days, RetainDays: l.promised.RetainDays}, l.proof, nil
}

func (l *RenewLedger) header() {
	line, _ := json.Marshal(ledgerHeader{l.bucket, l.promised, l.proof}) // numbers, times and a string
	_, _ = l.w.Write(append(line, '\n'))
}

// forget drops what the ledger knows of versions.
func (l *RenewLedger) forget() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.entries)
	l.lines = 1 << 30 // so that it is written anew
}

func (l *RenewLedger) flush() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.w.Flush(); err != nil {
		return fmt.Errorf("record of renewals %s: %w", l.path, err)
	}
	return nil
}

// Close writes what is not written yet. A file with many outdated lines is replaced by
// a shorter one.
func (l *RenewLedger) Close() error {
	if l == nil || l.file == nil {
		return nil
	}
	err := l.flush()
	l.mu.Lock()
	defer l.mu.Unlock()
	err = errors.Join(err, l.file.Close())
	if err == nil && l.lines > 2*len(l.entries)+1000 {
		err = l.compact()
	}
	return err
}

// compact writes the ledger anew, without versions that have not been renewed for so
// long that they are no longer needed, or gone.
func (l *RenewLedger) compact() error {
	var newest int64
	for _, until := range l.entries {
		newest = max(newest, until)
	}
	oldest := newest - int64(2*time.Duration(l.promised.RetainDays)*Day/time.Second)
	f, err := os.CreateTemp(filepath.Dir(l.path), filepath.Base(l.path)+"-*")
	if err != nil {
		return fmt.Errorf("record of renewals: %w", err)
	}
	defer os.Remove(f.Name()) // fails once it is renamed
	l.w = bufio.NewWriter(f)
	l.header()
	for id, until := range l.entries {
		if until >= oldest {
			l.line(id, until)
		}
	}
	if err := errors.Join(l.w.Flush(), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("record of renewals: %w", err)
	}
	return os.Rename(f.Name(), l.path)
}
