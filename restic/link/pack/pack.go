// Package pack re-exports what is used of restic's internal/repository/pack.
package pack

import "github.com/restic/restic/internal/repository/pack"

type (
	InvalidFileError = pack.InvalidFileError
	Packer           = pack.Packer
)

const (
	MaxHeaderSize = pack.MaxHeaderSize
)

var (
	ErrBroken        = pack.ErrBroken
	MaxHeaderEntries = pack.MaxHeaderEntries
)

var (
	CalculateEntrySize  = pack.CalculateEntrySize
	CalculateHeaderSize = pack.CalculateHeaderSize
	List                = pack.List
	NewPacker           = pack.NewPacker
	Size                = pack.Size
)
