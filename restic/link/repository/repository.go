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
	LogFunc                = repository.LogFunc
	Options                = repository.Options
	PackError              = repository.PackError
	PruneOptions           = repository.PruneOptions
	PrunePlan              = repository.PrunePlan
	PruneStats             = repository.PruneStats
	RepairIndexOptions     = repository.RepairIndexOptions
	Repository             = repository.Repository
	Unlocker               = repository.Unlocker
	WarmupJob              = repository.WarmupJob
)

const (
	CompressionAuto    = repository.CompressionAuto
	CompressionBetter  = repository.CompressionBetter
	CompressionFastest = repository.CompressionFastest
	CompressionInvalid = repository.CompressionInvalid
	CompressionMax     = repository.CompressionMax
	CompressionOff     = repository.CompressionOff
	DefaultPackSize    = repository.DefaultPackSize
	KDFMemory          = repository.KDFMemory
	KDFTimeout         = repository.KDFTimeout
	MaxPackSize        = repository.MaxPackSize
	MinPackSize        = repository.MinPackSize
)

var (
	ErrIndexIncomplete = repository.ErrIndexIncomplete
	ErrMaxKeysReached  = repository.ErrMaxKeysReached
	ErrNoKeyFound      = repository.ErrNoKeyFound
	ErrPacksMissing    = repository.ErrPacksMissing
	ErrSizeNotMatching = repository.ErrSizeNotMatching
)

var (
	AddKey           = repository.AddKey
	CheckPack        = repository.CheckPack
	CopyBlobs        = repository.CopyBlobs
	LoadKey          = repository.LoadKey
	Lock             = repository.Lock
	New              = repository.New
	NewChecker       = repository.NewChecker
	OpenKey          = repository.OpenKey
	PlanPrune        = repository.PlanPrune
	RemoveAllLocks   = repository.RemoveAllLocks
	RemoveKey        = repository.RemoveKey
	RemoveStaleLocks = repository.RemoveStaleLocks
	RepairIndex      = repository.RepairIndex
	RepairPacks      = repository.RepairPacks
	SearchKey        = repository.SearchKey
	UpgradeRepo      = repository.UpgradeRepo
	ZeroChunk        = repository.ZeroChunk
)

// TestUseLowSecurityKDFParameters makes new keys cheap, for tests.
var TestUseLowSecurityKDFParameters = repository.TestUseLowSecurityKDFParameters
