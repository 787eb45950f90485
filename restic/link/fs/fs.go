// Package fs re-exports what is used of restic's internal/fs.
package fs

import "github.com/restic/restic/internal/fs"

type (
	CommandReader    = fs.CommandReader
	ErrorHandler     = fs.ErrorHandler
	ExtendedFileInfo = fs.ExtendedFileInfo
	FS               = fs.FS
	File             = fs.File
	Local            = fs.Local
	LocalVss         = fs.LocalVss
	MessageHandler   = fs.MessageHandler
	Reader           = fs.Reader
	ReaderOptions    = fs.ReaderOptions
	Track            = fs.Track
	VSSConfig        = fs.VSSConfig
	VolumeFilter     = fs.VolumeFilter
)

const (
	O_APPEND   = fs.O_APPEND
	O_CREATE   = fs.O_CREATE
	O_EXCL     = fs.O_EXCL
	O_NONBLOCK = fs.O_NONBLOCK
	O_RDONLY   = fs.O_RDONLY
	O_RDWR     = fs.O_RDWR
	O_SYNC     = fs.O_SYNC
	O_TRUNC    = fs.O_TRUNC
	O_WRONLY   = fs.O_WRONLY
)

var (
	ErrFileEmpty = fs.ErrFileEmpty
)

var (
	ExtendedStat        = fs.ExtendedStat
	HasPathPrefix       = fs.HasPathPrefix
	IsAccessDenied      = fs.IsAccessDenied
	Link                = fs.Link
	Lstat               = fs.Lstat
	MkdirAll            = fs.MkdirAll
	NewCommandReader    = fs.NewCommandReader
	NewLocalVss         = fs.NewLocalVss
	NewReader           = fs.NewReader
	NewVSSConfig        = fs.NewVSSConfig
	NodeCreateAt        = fs.NodeCreateAt
	NodeRestoreMetadata = fs.NodeRestoreMetadata
	OpenFile            = fs.OpenFile
	ParseVSSConfig      = fs.ParseVSSConfig
	Readdirnames        = fs.Readdirnames
	Remove              = fs.Remove
	RemoveAll           = fs.RemoveAll
	ResetPermissions    = fs.ResetPermissions
)
