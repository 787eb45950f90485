// Package archiver re-exports what is used of restic's internal/archiver.
package archiver

import "github.com/restic/restic/internal/archiver"

type (
	Archiver         = archiver.Archiver
	ItemStats        = archiver.ItemStats
	Options          = archiver.Options
	RejectByNameFunc = archiver.RejectByNameFunc
	RejectFunc       = archiver.RejectFunc
	ScanStats        = archiver.ScanStats
	Scanner          = archiver.Scanner
	SelectByNameFunc = archiver.SelectByNameFunc
	SelectFunc       = archiver.SelectFunc
	SnapshotOptions  = archiver.SnapshotOptions
	Summary          = archiver.Summary
)

const (
	ChangeIgnoreCtime = archiver.ChangeIgnoreCtime
	ChangeIgnoreInode = archiver.ChangeIgnoreInode
)

var (
	CombineRejectByNames = archiver.CombineRejectByNames
	CombineRejects       = archiver.CombineRejects
	New                  = archiver.New
	NewScanner           = archiver.NewScanner
	RejectByDevice       = archiver.RejectByDevice
	RejectBySize         = archiver.RejectBySize
	RejectCloudFiles     = archiver.RejectCloudFiles
	RejectIfPresent      = archiver.RejectIfPresent
)
