package restic

import "time"

// BackupStarted names, before anything is read, the snapshot that files are compared
// with. Zero means none: every file will be read. A backup of a Reader or Command has
// no such event.
type BackupStarted struct{ Parent ID }

// BackupStatus reports the progress of a backup. The totals grow until the scan has
// finished; with NoScan they stay 0.
type BackupStatus struct {
	Elapsed      time.Duration
	Remaining    time.Duration // estimate; 0 while unknown
	TotalFiles   uint64
	FilesDone    uint64
	TotalBytes   uint64
	BytesDone    uint64
	ScanFinished bool
	Errors       uint     // files and directories that could not be read so far
	CurrentFiles []string // being read, sorted
}

// BackupScanned reports the result of the finished scan.
type BackupScanned struct {
	Files   uint64
	Bytes   uint64
	Elapsed time.Duration
}

// BackupItem reports how a file or directory was backed up. Sizes are in bytes and
// count what was new to the repository.
type BackupItem struct {
	Path               string
	Action             ItemAction
	IsDir              bool
	Duration           time.Duration
	DataSize           uint64
	DataSizeInRepo     uint64 // compressed and encrypted
	MetadataSize       uint64 // of directories
	MetadataSizeInRepo uint64
}

// ItemAction is how an item compares with the parent snapshot: ItemNew, ItemChanged or
// ItemUnchanged.
type ItemAction string

// The words are those of restic's JSON messages.
const (
	ItemNew       ItemAction = "new"
	ItemChanged   ItemAction = "modified"
	ItemUnchanged ItemAction = "unchanged"
)

// BackupError reports a file or directory that could not be read. The backup continues
// without it and ends with ErrIncomplete, unless the error happened during the scan,
// which only estimates.
type BackupError struct {
	Path       string
	Err        error
	DuringScan bool
}

func (BackupStarted) event() {}
func (BackupStatus) event()  {}
func (BackupScanned) event() {}
func (BackupItem) event()    {}
func (BackupError) event()   {}
