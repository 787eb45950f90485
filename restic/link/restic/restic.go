// Package restic re-exports what is used of restic's internal/restic.
package restic

import "github.com/restic/restic/internal/restic"

type (
	AssociatedBlobSet  = restic.AssociatedBlobSet
	Blob               = restic.Blob
	BlobHandle         = restic.BlobHandle
	BlobLoader         = restic.BlobLoader
	BlobSaver          = restic.BlobSaver
	BlobSaverWithAsync = restic.BlobSaverWithAsync
	BlobType           = restic.BlobType
	Blobs              = restic.Blobs
	Config             = restic.Config
	FileType           = restic.FileType
	FindBlobSet        = restic.FindBlobSet
	ID                 = restic.ID
	IDSet              = restic.IDSet
	IDs                = restic.IDs
	LoaderUnpacked     = restic.LoaderUnpacked
	Lock               = restic.Lock
	PackedBlob         = restic.PackedBlob
	Repository         = restic.Repository
	WithBlobUploader   = restic.WithBlobUploader
	WriteableFileType  = restic.WriteableFileType
)

const (
	ConfigFile            = restic.ConfigFile
	DataBlob              = restic.DataBlob
	IndexFile             = restic.IndexFile
	KeyFile               = restic.KeyFile
	LockFile              = restic.LockFile
	MaxRepoVersion        = restic.MaxRepoVersion
	MinRepoVersion        = restic.MinRepoVersion
	PackFile              = restic.PackFile
	SnapshotFile          = restic.SnapshotFile
	StableRepoVersion     = restic.StableRepoVersion
	TreeBlob              = restic.TreeBlob
	WriteableSnapshotFile = restic.WriteableSnapshotFile
)

var (
	ErrInvalidData   = restic.ErrInvalidData
	StaleLockTimeout = restic.StaleLockTimeout
)

var (
	Find            = restic.Find
	Hash            = restic.Hash
	IsAlreadyLocked = restic.IsAlreadyLocked
	LoadConfig      = restic.LoadConfig
	LoadLock        = restic.LoadLock
	NewIDSet        = restic.NewIDSet
	ParallelList    = restic.ParallelList
	ParseID         = restic.ParseID
)

// TestSetLockTimeout shortens the pause between taking a lock and looking for others,
// for tests.
var TestSetLockTimeout = restic.TestSetLockTimeout

// Generic functions, instantiated for the file types RWM writes.
