// Package index re-exports what is used of restic's internal/repository/index.
package index

import "github.com/restic/restic/internal/repository/index"

type (
	Index                  = index.Index
	MasterIndex            = index.MasterIndex
	MasterIndexRewriteOpts = index.MasterIndexRewriteOpts
)

var (
	Full      = index.Full
	Oversized = index.Oversized
)

var (
	DecodeIndex    = index.DecodeIndex
	ForAllIndexes  = index.ForAllIndexes
	NewIndex       = index.NewIndex
	NewMasterIndex = index.NewMasterIndex
	PackBlobsHash  = index.PackBlobsHash
)
