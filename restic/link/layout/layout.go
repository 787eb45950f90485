// Package layout re-exports what is used of restic's internal/backend/layout.
package layout

import "github.com/restic/restic/internal/backend/layout"

type (
	DefaultLayout = layout.DefaultLayout
	Layout        = layout.Layout
	RESTLayout    = layout.RESTLayout
)

var (
	NewDefaultLayout = layout.NewDefaultLayout
	NewRESTLayout    = layout.NewRESTLayout
)
