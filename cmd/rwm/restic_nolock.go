package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// lockedAnyway are the commands that restic locks the repository for in spite of
// --no-lock, because they write. copy is one for the repository it writes to.
var lockedAnyway = []string{
	"backup", "init", "key add", "key passwd", "key remove", "migrate", "recover", "rebuild-index", "repair index", "repair packs", "repair snapshots",
	"rewrite", "tag", "unlock",
}

// checkNoLock makes --no-lock mean what it means to restic, which is for reading.
func (a *app) checkNoLock(kctx *kong.Context) error {
	if !a.cli.Restic.NoLock || isSet(kctx, "dry-run") {
		return nil
	}
	name := resticCommand(kctx)
	if name == "forget" || name == "prune" {
		return usageError{errors.New("--no-lock is for reading: " + name + " takes it with --dry-run only")}
	}
	a.cli.Restic.NoLock = !slices.Contains(lockedAnyway, name)
	return nil
}

// resticCommand is the name of the command below `rwm restic`.
func resticCommand(kctx *kong.Context) string {
	return strings.TrimPrefix(kctx.Selected().FullPath(), "rwm restic ")
}
