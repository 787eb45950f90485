package restic

import "time"

// BackupStarted tells, before anything is read, what the files are compared with: zero means nothing, and that all of them will be read. A backup of
// a Reader or Command has none.
type BackupStarted struct{ Parent ID }

// BackupStatus says how far a backup has come. The totals grow until the scan is finished; with NoScan they stay 0.
type BackupStatus struct {
	Elapsed      time.Duration
	Remaining    time.Duration // estimate; 0 while unknown
	TotalFiles   uint64
	FilesDone    uint64
	TotalBytes   uint64
	BytesDone    uint64
	ScanFinished bool
	Errors       uint     // files and directories that could not be read up to now
	CurrentFiles []string // being read, sorted
}

// BackupScanned says that the scan is finished and what it found.
type BackupScanned struct {
	Files   uint64
	Bytes   uint64
	Elapsed time.Duration
}

// BackupItem says what became of a file or directory. Sizes are in bytes and count what was new to the repository.
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

// ItemAction is how an item compares with the parent snapshot: ItemNew, ItemChanged or ItemUnchanged.
type ItemAction string

// The words are those of restic's JSON messages.
const (
	ItemNew       ItemAction = "new"
	ItemChanged   ItemAction = "modified"
	ItemUnchanged ItemAction = "unchanged"
)

// BackupError is a file or directory that could not be read. The backup goes on without it and ends with ErrIncomplete, unless the error
// happened during the scan, which only estimates.
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
