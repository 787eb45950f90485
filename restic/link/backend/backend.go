// Package backend re-exports what is used of restic's internal/backend.
package backend

import "github.com/restic/restic/internal/backend"

type (
	Backend      = backend.Backend
	FileInfo     = backend.FileInfo
	FileType     = backend.FileType
	Handle       = backend.Handle
	Properties   = backend.Properties
	RewindReader = backend.RewindReader
	Unwrapper    = backend.Unwrapper
)

const (
	ConfigFile   = backend.ConfigFile
	IndexFile    = backend.IndexFile
	KeyFile      = backend.KeyFile
	LockFile     = backend.LockFile
	PackFile     = backend.PackFile
	SnapshotFile = backend.SnapshotFile
)

var (
	ErrNoRepository = backend.ErrNoRepository
)

var (
	NewByteReader = backend.NewByteReader
	ReadAt        = backend.ReadAt
	ReaderAt      = backend.ReaderAt
	Transport     = backend.Transport
)
