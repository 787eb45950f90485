// Package backend re-exports what is used of restic's internal/backend.
package backend

import "github.com/restic/restic/internal/backend"

type (
	ApplyEnvironmenter = backend.ApplyEnvironmenter
	Backend            = backend.Backend
	ByteReader         = backend.ByteReader
	FileInfo           = backend.FileInfo
	FileReader         = backend.FileReader
	FileType           = backend.FileType
	FreezeBackend      = backend.FreezeBackend
	Handle             = backend.Handle
	Properties         = backend.Properties
	RewindReader       = backend.RewindReader
	TransportOptions   = backend.TransportOptions
	Unwrapper          = backend.Unwrapper
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
	NewByteReader     = backend.NewByteReader
	NewFileReader     = backend.NewFileReader
	ReadAt            = backend.ReadAt
	ReaderAt          = backend.ReaderAt
	SplitShellStrings = backend.SplitShellStrings
	Transport         = backend.Transport
)

// AsFreezeBackend finds the layer that can hold back all operations but those on locks.
var AsFreezeBackend = backend.AsBackend[backend.FreezeBackend]
