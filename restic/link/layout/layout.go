// Package layout re-exports what is used of restic's internal/backend/layout.
package layout

import "github.com/restic/restic/internal/backend/layout"

type (
	Layout = layout.Layout
)

var (
	NewDefaultLayout = layout.NewDefaultLayout
)
