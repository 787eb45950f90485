// Package restic re-exports what is used of restic's internal/restic.
package restic

import "github.com/restic/restic/internal/restic"

type (
	AssociatedBlobSet      = restic.AssociatedBlobSet
	Blob                   = restic.Blob
	BlobHandle             = restic.BlobHandle
	BlobHandles            = restic.BlobHandles
	BlobLoader             = restic.BlobLoader
	BlobSaver              = restic.BlobSaver
	BlobSaverAsync         = restic.BlobSaverAsync
	BlobSaverWithAsync     = restic.BlobSaverWithAsync
	BlobSet                = restic.BlobSet
	BlobType               = restic.BlobType
	Blobs                  = restic.Blobs
	Config                 = restic.Config
	FileType               = restic.FileType
	FileTypes              = restic.FileTypes
	FindBlobSet            = restic.FindBlobSet
	ID                     = restic.ID
	IDSet                  = restic.IDSet
	IDs                    = restic.IDs
	JSONUnpackedLoader     = restic.JSONUnpackedLoader
	ListBlobser            = restic.ListBlobser
	Lister                 = restic.Lister
	ListerLoaderUnpacked   = restic.ListerLoaderUnpacked
	Loader                 = restic.Loader
	LoaderUnpacked         = restic.LoaderUnpacked
	Lock                   = restic.Lock
	MultipleIDMatchesError = restic.MultipleIDMatchesError
	NoIDByPrefixError      = restic.NoIDByPrefixError
	PackBlobs              = restic.PackBlobs
	PackedBlob             = restic.PackedBlob
	Repository             = restic.Repository
	TerminalCounterFactory = restic.TerminalCounterFactory
	WarmupJob              = restic.WarmupJob
	WithBlobUploader       = restic.WithBlobUploader
	WriteableFileType      = restic.WriteableFileType
)

const (
	ConfigFile            = restic.ConfigFile
	DataBlob              = restic.DataBlob
	IndexFile             = restic.IndexFile
	InvalidBlob           = restic.InvalidBlob
	KeyFile               = restic.KeyFile
	LockFile              = restic.LockFile
	MaxRepoVersion        = restic.MaxRepoVersion
	MinRepoVersion        = restic.MinRepoVersion
	NumBlobTypes          = restic.NumBlobTypes
	PackFile              = restic.PackFile
	SnapshotFile          = restic.SnapshotFile
	StableRepoVersion     = restic.StableRepoVersion
	TreeBlob              = restic.TreeBlob
	UnlockCancelDelay     = restic.UnlockCancelDelay
	WriteableSnapshotFile = restic.WriteableSnapshotFile
)

var (
	ErrInvalidData   = restic.ErrInvalidData
	ErrRemovedLock   = restic.ErrRemovedLock
	StaleLockTimeout = restic.StaleLockTimeout
)

var (
	CreateConfig        = restic.CreateConfig
	Find                = restic.Find
	ForAllLocks         = restic.ForAllLocks
	Hash                = restic.Hash
	IDFromHash          = restic.IDFromHash
	IsAlreadyLocked     = restic.IsAlreadyLocked
	IsInvalidLock       = restic.IsInvalidLock
	LoadConfig          = restic.LoadConfig
	LoadJSONUnpacked    = restic.LoadJSONUnpacked
	LoadLock            = restic.LoadLock
	MemorizeList        = restic.MemorizeList
	NewBlobSet          = restic.NewBlobSet
	NewIDSet            = restic.NewIDSet
	NewLock             = restic.NewLock
	NewRandomBlobHandle = restic.NewRandomBlobHandle
	NewRandomID         = restic.NewRandomID
	ParallelList        = restic.ParallelList
	ParseID             = restic.ParseID
	SaveConfig          = restic.SaveConfig
	ZeroPrefixLen       = restic.ZeroPrefixLen
)

// Generic functions, instantiated for the file types RWM writes.
var (
	ParallelRemoveSnapshots = restic.ParallelRemove[restic.WriteableFileType]
	SaveSnapshotJSON        = restic.SaveJSONUnpacked[restic.WriteableFileType]
)

// RemoverUnpacked removes snapshot files.
type RemoverUnpacked = restic.RemoverUnpacked[restic.WriteableFileType]
