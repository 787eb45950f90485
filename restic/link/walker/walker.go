// Package walker re-exports what is used of restic's internal/walker.
package walker

import "github.com/restic/restic/internal/walker"

type (
	FailedTreeRewriteFunc      = walker.FailedTreeRewriteFunc
	NodeKeepEmptyDirectoryFunc = walker.NodeKeepEmptyDirectoryFunc
	NodeRewriteFunc            = walker.NodeRewriteFunc
	QueryRewrittenSizeFunc     = walker.QueryRewrittenSizeFunc
	RewriteOpts                = walker.RewriteOpts
	SnapshotSize               = walker.SnapshotSize
	TreeRewriter               = walker.TreeRewriter
	WalkFunc                   = walker.WalkFunc
	WalkVisitor                = walker.WalkVisitor
)

var (
	ErrSkipNode = walker.ErrSkipNode
)

var (
	NewSnapshotSizeRewriter = walker.NewSnapshotSizeRewriter
	NewTreeRewriter         = walker.NewTreeRewriter
	Walk                    = walker.Walk
)
