// Package util re-exports what is used of restic's internal/backend/util.
package util

import "github.com/restic/restic/internal/backend/util"

var (
	DefaultLoad = util.DefaultLoad
)
