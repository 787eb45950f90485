// Package repository re-exports what is used of restic's internal/repository.
package repository

import "github.com/restic/restic/internal/repository"

type (
	Checker                = repository.Checker
	CompressionMode        = repository.CompressionMode
	ErrDuplicatePacks      = repository.ErrDuplicatePacks
	ErrIncompletePackEntry = repository.ErrIncompletePackEntry
	ErrMixedPack           = repository.ErrMixedPack
	ErrPackData            = repository.ErrPackData
	Key                    = repository.Key
	Options                = repository.Options
	PackError              = repository.PackError
	PruneOptions           = repository.PruneOptions
	PrunePlan              = repository.PrunePlan
	PruneStats             = repository.PruneStats
	RepairIndexOptions     = repository.RepairIndexOptions
	Repository             = repository.Repository
	Unlocker               = repository.Unlocker
)

const (
	CompressionAuto    = repository.CompressionAuto
	CompressionBetter  = repository.CompressionBetter
	CompressionFastest = repository.CompressionFastest
	CompressionInvalid = repository.CompressionInvalid
	CompressionMax     = repository.CompressionMax
	CompressionOff     = repository.CompressionOff
	MaxPackSize        = repository.MaxPackSize
	MinPackSize        = repository.MinPackSize
)

var (
	ErrIndexIncomplete = repository.ErrIndexIncomplete
	ErrNoKeyFound      = repository.ErrNoKeyFound
	ErrPacksMissing    = repository.ErrPacksMissing
	ErrSizeNotMatching = repository.ErrSizeNotMatching
)

var (
	AddKey      = repository.AddKey
	CopyBlobs   = repository.CopyBlobs
	LoadKey     = repository.LoadKey
	Lock        = repository.Lock
	New         = repository.New
	OpenKey     = repository.OpenKey
	PlanPrune   = repository.PlanPrune
	RemoveKey   = repository.RemoveKey
	RepairIndex = repository.RepairIndex
	RepairPacks = repository.RepairPacks
	SearchKey   = repository.SearchKey
)

// TestUseLowSecurityKDFParameters makes new keys cheap, for tests.
var TestUseLowSecurityKDFParameters = repository.TestUseLowSecurityKDFParameters
