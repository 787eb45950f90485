// Package data re-exports what is used of restic's internal/data.
package data

import "github.com/restic/restic/internal/data"

type (
	Duration             = data.Duration
	ExpirePolicy         = data.ExpirePolicy
	ExtendedAttribute    = data.ExtendedAttribute
	GenericAttributeType = data.GenericAttributeType
	Node                 = data.Node
	NodeOrError          = data.NodeOrError
	NodeType             = data.NodeType
	Nodes                = data.Nodes
	Snapshot             = data.Snapshot
	SnapshotFilter       = data.SnapshotFilter
	SnapshotGroupKey     = data.SnapshotGroupKey
	SnapshotSummary      = data.SnapshotSummary
	Snapshots            = data.Snapshots
	TagList              = data.TagList
	TreeNodeIterator     = data.TreeNodeIterator
)

var (
	NodeTypeCharDev   = data.NodeTypeCharDev
	NodeTypeDev       = data.NodeTypeDev
	NodeTypeDir       = data.NodeTypeDir
	NodeTypeFifo      = data.NodeTypeFifo
	NodeTypeFile      = data.NodeTypeFile
	NodeTypeInvalid   = data.NodeTypeInvalid
	NodeTypeIrregular = data.NodeTypeIrregular
	NodeTypeSocket    = data.NodeTypeSocket
	NodeTypeSymlink   = data.NodeTypeSymlink
)

var (
	ApplyPolicy         = data.ApplyPolicy
	DualTreeIterator    = data.DualTreeIterator
	FindSnapshot        = data.FindSnapshot
	FindUsedBlobs       = data.FindUsedBlobs
	LoadSnapshot        = data.LoadSnapshot
	LoadTree            = data.LoadTree
	NewSnapshot         = data.NewSnapshot
	NewTreeJSONBuilder  = data.NewTreeJSONBuilder
	NewTreeNodeIterator = data.NewTreeNodeIterator
	NewTreeWriter       = data.NewTreeWriter
	ParseDuration       = data.ParseDuration
	SaveSnapshot        = data.SaveSnapshot
	StreamTrees         = data.StreamTrees
)
