// Package feature re-exports what is used of restic's internal/feature.
package feature

import "github.com/restic/restic/internal/feature"

type (
	FlagDesc = feature.FlagDesc
	FlagName = feature.FlagName
	FlagSet  = feature.FlagSet
	Help     = feature.Help
)

const (
	Alpha                   = feature.Alpha
	BackendErrorRedesign    = feature.BackendErrorRedesign
	Beta                    = feature.Beta
	DeprecateLegacyIndex    = feature.DeprecateLegacyIndex
	DeprecateS3LegacyLayout = feature.DeprecateS3LegacyLayout
	Deprecated              = feature.Deprecated
	DeviceIDForHardlinks    = feature.DeviceIDForHardlinks
	ExplicitS3AnonymousAuth = feature.ExplicitS3AnonymousAuth
	S3Restore               = feature.S3Restore
	SafeForgetKeepTags      = feature.SafeForgetKeepTags
	Stable                  = feature.Stable
)

var (
	Flag = feature.Flag
)

var (
	New = feature.New
)
