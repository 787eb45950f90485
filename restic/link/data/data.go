// Package data re-exports what is used of restic's internal/data.
package data

import "github.com/restic/restic/internal/data"

type (
	DualTree               = data.DualTree
	Duration               = data.Duration
	ExpirePolicy           = data.ExpirePolicy
	ExtendedAttribute      = data.ExtendedAttribute
	GenericAttributeType   = data.GenericAttributeType
	KeepReason             = data.KeepReason
	Node                   = data.Node
	NodeOrError            = data.NodeOrError
	NodeType               = data.NodeType
	Nodes                  = data.Nodes
	OSType                 = data.OSType
	Snapshot               = data.Snapshot
	SnapshotFilter         = data.SnapshotFilter
	SnapshotFindCb         = data.SnapshotFindCb
	SnapshotGroupByOptions = data.SnapshotGroupByOptions
	SnapshotGroupKey       = data.SnapshotGroupKey
	SnapshotSummary        = data.SnapshotSummary
	Snapshots              = data.Snapshots
	TagList                = data.TagList
	TagLists               = data.TagLists
	TreeFinder             = data.TreeFinder
	TreeJSONBuilder        = data.TreeJSONBuilder
	TreeNodeIterator       = data.TreeNodeIterator
	TreeWriter             = data.TreeWriter
)

const (
	TypeCreationTime       = data.TypeCreationTime
	TypeFileAttributes     = data.TypeFileAttributes
	TypeSecurityDescriptor = data.TypeSecurityDescriptor
)

var (
	ErrInvalidSnapshotSyntax = data.ErrInvalidSnapshotSyntax
	ErrNoSnapshotFound       = data.ErrNoSnapshotFound
	ErrTreeNotOrdered        = data.ErrTreeNotOrdered
	NodeTypeCharDev          = data.NodeTypeCharDev
	NodeTypeDev              = data.NodeTypeDev
	NodeTypeDir              = data.NodeTypeDir
	NodeTypeFifo             = data.NodeTypeFifo
	NodeTypeFile             = data.NodeTypeFile
	NodeTypeInvalid          = data.NodeTypeInvalid
	NodeTypeIrregular        = data.NodeTypeIrregular
	NodeTypeSocket           = data.NodeTypeSocket
	NodeTypeSymlink          = data.NodeTypeSymlink
)

var (
	ApplyPolicy                            = data.ApplyPolicy
	DualTreeIterator                       = data.DualTreeIterator
	FindSnapshot                           = data.FindSnapshot
	FindTreeDirectory                      = data.FindTreeDirectory
	FindUsedBlobs                          = data.FindUsedBlobs
	FixTime                                = data.FixTime
	ForAllSnapshots                        = data.ForAllSnapshots
	GenericAttributesToOSAttrs             = data.GenericAttributesToOSAttrs
	GroupSnapshots                         = data.GroupSnapshots
	HandleAllUnknownGenericAttributesFound = data.HandleAllUnknownGenericAttributesFound
	HandleUnknownGenericAttributesFound    = data.HandleUnknownGenericAttributesFound
	LoadSnapshot                           = data.LoadSnapshot
	LoadTree                               = data.LoadTree
	NewSnapshot                            = data.NewSnapshot
	NewTreeFinder                          = data.NewTreeFinder
	NewTreeJSONBuilder                     = data.NewTreeJSONBuilder
	NewTreeNodeIterator                    = data.NewTreeNodeIterator
	NewTreeWriter                          = data.NewTreeWriter
	OSAttrsToGenericAttributes             = data.OSAttrsToGenericAttributes
	ParseDuration                          = data.ParseDuration
	SaveSnapshot                           = data.SaveSnapshot
	SaveTree                               = data.SaveTree
	StreamTrees                            = data.StreamTrees
)
