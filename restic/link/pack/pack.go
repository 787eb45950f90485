// Package pack re-exports what is used of restic's internal/repository/pack.
package pack

import "github.com/restic/restic/internal/repository/pack"

var (
	List = pack.List
	Size = pack.Size
)
