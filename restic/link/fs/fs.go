// Package fs re-exports what is used of restic's internal/fs.
package fs

import "github.com/restic/restic/internal/fs"

type (
	ExtendedFileInfo = fs.ExtendedFileInfo
	FS               = fs.FS
	File             = fs.File
	Local            = fs.Local
	Reader           = fs.Reader
	ReaderOptions    = fs.ReaderOptions
)

const (
	O_APPEND   = fs.O_APPEND
	O_CREATE   = fs.O_CREATE
	O_EXCL     = fs.O_EXCL
	O_NOFOLLOW = fs.O_NOFOLLOW
	O_RDONLY   = fs.O_RDONLY
	O_RDWR     = fs.O_RDWR
	O_TRUNC    = fs.O_TRUNC
	O_WRONLY   = fs.O_WRONLY
)

var (
	Link             = fs.Link
	Lstat            = fs.Lstat
	MkdirAll         = fs.MkdirAll
	NewCommandReader = fs.NewCommandReader
	NewReader        = fs.NewReader
	OpenFile         = fs.OpenFile
	Readdirnames     = fs.Readdirnames
	Remove           = fs.Remove
	RemoveAll        = fs.RemoveAll
)
