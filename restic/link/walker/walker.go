// Package walker re-exports what is used of restic's internal/walker.
package walker

import "github.com/restic/restic/internal/walker"

type (
	NodeKeepEmptyDirectoryFunc = walker.NodeKeepEmptyDirectoryFunc
	NodeRewriteFunc            = walker.NodeRewriteFunc
	RewriteOpts                = walker.RewriteOpts
	TreeRewriter               = walker.TreeRewriter
)

var (
	NewSnapshotSizeRewriter = walker.NewSnapshotSizeRewriter
	NewTreeRewriter         = walker.NewTreeRewriter
	Walk                    = walker.Walk
)
