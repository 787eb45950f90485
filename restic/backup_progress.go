package restic

import (
	"slices"
	"sync"
	"time"

	engarchiver "github.com/restic/restic/rwmlink/archiver"
	engdata "github.com/restic/restic/rwmlink/data"
)

// backupProgress turns what the engine reports from its goroutines into counts and
// events.
type backupProgress struct {
	em     *emitter
	items  bool
	start  time.Time
	result *BackupResult

	mu      sync.Mutex
	status  BackupStatus
	current map[string]struct{}
	started uint64 // files that were read
	read    uint64 // bytes of them
	late    func() // is called once, when there is much to read
	done    chan struct{}
	ticking sync.WaitGroup
}

func newBackupProgress(em *emitter, items bool, result *BackupResult) *backupProgress {
	p := &backupProgress{em: em, items: items, start: time.Now(), result: result, current: map[string]struct{}{}, done: make(chan struct{})}
	p.ticking.Go(p.tick)
	return p
}

func (p *backupProgress) tick() {
	if !p.em.Wanted() {
		return
	}
	t := time.NewTicker(progressInterval)
	defer t.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-t.C:
			p.em.Emit(p.snapshot())
		}
	}
}

// stop ends the periodic reports with a final one.
func (p *backupProgress) stop() {
	close(p.done)
	p.ticking.Wait()
	p.em.Emit(p.snapshot())
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
	p.em.Emit(BackupError{Path: path, Err: err})
}

func (p *backupProgress) scanFailed(path string, err error) error {
	p.em.Emit(BackupError{Path: path, Err: err, DuringScan: true})
	return nil
}

func (p *backupProgress) scanned(item string, s engarchiver.ScanStats) {
	p.mu.Lock()
	p.status.TotalFiles, p.status.TotalBytes = uint64(s.Files), s.Bytes
	p.status.ScanFinished = item == ""
	p.mu.Unlock()
	if item == "" {
		p.em.Emit(BackupScanned{Files: uint64(s.Files), Bytes: s.Bytes, Elapsed: time.Since(p.start)})
	}
}

func (p *backupProgress) startFile(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current[name] = struct{}{}
	p.started++
	p.muchToRead()
}

// muchToRead starts what waits for it. The caller holds the lock.
func (p *backupProgress) muchToRead() {
	if p.late != nil && (p.started > lateFiles || p.read > lateBytes) {
		p.late()
		p.late = nil
	}
}

// What has to be read before totals are worth another walk through the files.
const (
	lateFiles = 10_000
	lateBytes = 64 << 20
)

// allDone makes what was done the totals.
func (p *backupProgress) allDone() {
	p.mu.Lock()
	p.status.TotalFiles, p.status.TotalBytes, p.status.ScanFinished = p.status.FilesDone, p.status.BytesDone, true
	ev := BackupScanned{Files: p.status.TotalFiles, Bytes: p.status.TotalBytes, Elapsed: time.Since(p.start)}
	p.mu.Unlock()
	p.em.Emit(ev)
}

func (p *backupProgress) completeBlob(bytes uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status.BytesDone += bytes
	p.read += bytes
	p.muchToRead()
}

// completeItem is called with current nil when a file was read but is not stored yet.
func (p *backupProgress) completeItem(item string, previous, current *engdata.Node, s engarchiver.ItemStats, d time.Duration) {
	p.mu.Lock()
	switch {
	case current == nil:
		delete(p.current, item)
	case current.Type == engdata.NodeTypeFile:
		p.status.FilesDone++
		delete(p.current, item)
	}
	p.mu.Unlock()
	if !p.items || current == nil || current.Type != engdata.NodeTypeFile && current.Type != engdata.NodeTypeDir {
		return
	}
	p.em.Emit(BackupItem{
		Path: item, Action: compare(previous, current), IsDir: current.Type == engdata.NodeTypeDir, Duration: d,
		DataSize: s.DataSize, DataSizeInRepo: s.DataSizeInRepo, MetadataSize: s.TreeSize, MetadataSizeInRepo: s.TreeSizeInRepo,
	})
}

func compare(previous, current *engdata.Node) ItemAction {
	switch {
	case previous == nil:
		return ItemNew
	case previous.Equals(*current):
		return ItemUnchanged
	}
	return ItemChanged
}
