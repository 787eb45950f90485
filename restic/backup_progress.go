package restic

import (
	"slices"
	"sync"
	"time"

	"github.com/restic/restic/rwmlink/archiver"
	"github.com/restic/restic/rwmlink/data"
)

// backupProgress counts what the engine reports from its goroutines and makes events of it.
type backupProgress struct {
	em     *emitter
	items  bool
	start  time.Time
	result *BackupResult

	mu      sync.Mutex
	status  BackupStatus
	current map[string]struct{}
	done    chan struct{}
	ticking sync.WaitGroup
}

func newBackupProgress(em *emitter, items bool, result *BackupResult) *backupProgress {
	p := &backupProgress{em: em, items: items, start: time.Now(), result: result, current: map[string]struct{}{}, done: make(chan struct{})}
	p.ticking.Go(p.tick)
	return p
}

func (p *backupProgress) tick() {
	if !p.em.wanted() {
		return
	}
	t := time.NewTicker(progressInterval)
	defer t.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-t.C:
			p.em.emit(p.snapshot())
		}
	}
}

// stop ends the ticking and reports a last time.
func (p *backupProgress) stop() {
	close(p.done)
	p.ticking.Wait()
	p.em.emit(p.snapshot())
}

func (p *backupProgress) snapshot() BackupStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	st := p.status
	st.Elapsed = time.Since(p.start)
	if st.ScanFinished && st.BytesDone > 0 && st.TotalBytes > st.BytesDone {
		st.Remaining = time.Duration(float64(st.Elapsed) * float64(st.TotalBytes-st.BytesDone) / float64(st.BytesDone))
	}
	for name := range p.current {
		st.CurrentFiles = append(st.CurrentFiles, name)
	}
	slices.Sort(st.CurrentFiles)
	return st
}

// failed records a source that could not be read.
func (p *backupProgress) failed(path string, err error) {
	p.mu.Lock()
	p.status.Errors++
	p.result.ErrorCount++
	if len(p.result.Errors) < MaxListedErrors {
		p.result.Errors = append(p.result.Errors, ItemError{Item: path, Err: err})
	}
	p.mu.Unlock()
	p.em.emit(BackupError{Path: path, Err: err})
}

func (p *backupProgress) scanFailed(path string, err error) error {
	p.em.emit(BackupError{Path: path, Err: err, DuringScan: true})
	return nil
}

func (p *backupProgress) scanned(item string, s archiver.ScanStats) {
	p.mu.Lock()
	p.status.TotalFiles, p.status.TotalBytes = uint64(s.Files), s.Bytes
	p.status.ScanFinished = item == ""
	p.mu.Unlock()
	if item == "" {
		p.em.emit(BackupScanned{Files: uint64(s.Files), Bytes: s.Bytes, Elapsed: time.Since(p.start)})
	}
}

func (p *backupProgress) startFile(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current[name] = struct{}{}
}

func (p *backupProgress) completeBlob(bytes uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status.BytesDone += bytes
}

// completeItem is called with current nil when a file was read but is not stored yet.
func (p *backupProgress) completeItem(item string, previous, current *data.Node, s archiver.ItemStats, d time.Duration) {
	p.mu.Lock()
	switch {
	case current == nil:
		delete(p.current, item)
	case current.Type == data.NodeTypeFile:
		p.status.FilesDone++
		delete(p.current, item)
	}
	p.mu.Unlock()
	if !p.items || current == nil || current.Type != data.NodeTypeFile && current.Type != data.NodeTypeDir {
		return
	}
	p.em.emit(BackupItem{
		Path: item, Action: compare(previous, current), IsDir: current.Type == data.NodeTypeDir, Duration: d,
		DataSize: s.DataSize, DataSizeInRepo: s.DataSizeInRepo, MetadataSize: s.TreeSize, MetadataSizeInRepo: s.TreeSizeInRepo,
	})
}

func compare(previous, current *data.Node) ItemAction {
	switch {
	case previous == nil:
		return ItemNew
	case previous.Equals(*current):
		return ItemUnchanged
	}
	return ItemChanged
}
