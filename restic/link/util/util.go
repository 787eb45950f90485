// Package util re-exports what is used of restic's internal/backend/util.
package util

import "github.com/restic/restic/internal/backend/util"

type (
	LimitedReadCloser = util.LimitedReadCloser
	Modes             = util.Modes
)

var (
	DefaultModes = util.DefaultModes
)

var (
	DefaultDelete           = util.DefaultDelete
	DefaultLoad             = util.DefaultLoad
	DeriveModesFromFileInfo = util.DeriveModesFromFileInfo
	LimitReadCloser         = util.LimitReadCloser
)
