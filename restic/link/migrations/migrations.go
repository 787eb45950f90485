// Package migrations re-exports what is used of restic's internal/migrations.
package migrations

import "github.com/restic/restic/internal/migrations"

type (
	Migration = migrations.Migration
)

var (
	All = &migrations.All
)
