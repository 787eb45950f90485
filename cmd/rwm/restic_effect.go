package main

import (
	"errors"
	"strings"

	"github.com/alecthomas/kong"
)

// effect is what a restic command does to its repository. A command states it by the
// marker that its struct embeds: reads, writes, rewrites, removes or elsewhere.
type effect struct {
	writes bool // also without a lock of --no-lock, as with restic
	past   bool // can look at the repository as it was
	dryRun bool // has --dry-run, with which it only reads
	locks  bool // refuses --no-lock when it writes
}

// affecting is implemented by every restic command.
type affecting interface{ effect() effect }

// reads marks a command that changes nothing in its repository.
type reads struct{}

func (reads) effect() effect { return effect{past: true} }

// writes marks a command that changes its repository.
type writes struct{}

func (writes) effect() effect { return effect{writes: true} }

// elsewhere marks a command that opens no repository.
type elsewhere struct{}

func (elsewhere) effect() effect { return effect{} }

// rewrites marks a command that changes its repository unless --dry-run is given.
type rewrites struct {
	DryRun bool `short:"n" help:"Change nothing, just print what would be done."`
}

func (c rewrites) effect() effect { return effect{writes: !c.DryRun, past: c.DryRun, dryRun: true} }

// removes marks a command that removes snapshots or data unless --dry-run is given. As
// with restic it refuses --no-lock.
type removes struct {
	DryRun bool `short:"n" help:"Remove nothing, just print what would be done."`
}

func (c removes) effect() effect {
	return effect{writes: !c.DryRun, past: c.DryRun, dryRun: true, locks: true}
}

// A dry run of a backup compares with the repository as it is.
func (c resticBackupCmd) effect() effect { return effect{writes: !c.DryRun} }

// selectedEffect is the effect of the command that the command line selects. Commands
// outside `rwm restic` have none.
func selectedEffect(kctx *kong.Context) effect {
	if node := kctx.Selected(); node != nil {
		return effectOf(node)
	}
	return effect{}
}

func effectOf(node *kong.Node) effect {
	if c, ok := node.Target.Interface().(affecting); ok {
		return c.effect()
	}
	return effect{}
}

// pastCommands names the restic commands that only read.
func pastCommands(model *kong.Application) (names []string) {
	for _, leaf := range model.Leaves(true) {
		if effectOf(leaf).past {
			names = append(names, resticName(leaf))
		}
	}
	return names
}

// checkNoLock makes --no-lock mean what it means to restic, which is for reading. (copy
// locks the repository it writes to, and reads the other without a lock.)
func (a *app) checkNoLock(kctx *kong.Context) error {
	e := selectedEffect(kctx)
	if !a.cli.Restic.NoLock || !e.writes {
		return nil
	}
	if e.locks {
		return usageError{errors.New("--no-lock is for reading: " + resticName(kctx.Selected()) + " takes it with --dry-run only")}
	}
	a.cli.Restic.NoLock = false
	return nil
}

// resticName is the name of a command below `rwm restic`.
func resticName(node *kong.Node) string {
	return strings.TrimPrefix(node.FullPath(), "rwm restic ")
}
