// Package local re-exports what is used of restic's internal/backend/local.
package local

import "github.com/restic/restic/internal/backend/local"

type (
	Config = local.Config
	Local  = local.Local
)

var (
	Create      = local.Create
	NewConfig   = local.NewConfig
	Open        = local.Open
	ParseConfig = local.ParseConfig
)
