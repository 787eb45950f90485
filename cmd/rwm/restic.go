package main

import (
	"os"

	"github.com/cesnet/rwm/internal/resticflags"
	"github.com/cesnet/rwm/restic"
)

// resticVersion is the release whose engine is linked.
const resticVersion = "0.19.1"

// resticCmd is `rwm restic`: restic's commands and the flags all of them take.
type resticCmd struct {
	resticflags.Access
	momentFlags

	Backup       resticBackupCmd      `cmd:"" help:"Make a snapshot of files and directories."`
	Cache        resticCacheCmd       `cmd:"" help:"List or clean up local caches."`
	Cat          resticCatCmd         `cmd:"" help:"Print an object of the repository."`
	Check        resticCheckCmd       `cmd:"" help:"Check the repository for errors."`
	Copy         resticCopyCmd        `cmd:"" help:"Copy snapshots from another repository."`
	Diff         resticDiffCmd        `cmd:"" help:"Show the differences between two snapshots."`
	Dump         resticDumpCmd        `cmd:"" help:"Print a file, or a directory as an archive."`
	Features     resticFeaturesCmd    `cmd:"" help:"List the engine's features."`
	Find         resticFindCmd        `cmd:"" help:"Find files, or where blobs are used."`
	Forget       resticForgetCmd      `cmd:"" help:"Remove snapshots, by name or by a policy."`
	Init         resticInitCmd        `cmd:"" help:"Make a new repository."`
	Key          resticKeyCmd         `cmd:"" help:"Manage the passwords of the repository."`
	List         resticListCmd        `cmd:"" help:"List the objects of the repository."`
	Ls           resticLsCmd          `cmd:"" help:"List the files of a snapshot."`
	Migrate      resticMigrateCmd     `cmd:"" help:"Change the format of the repository."`
	Options      resticOptionsCmd     `cmd:"" help:"List the extended options."`
	Mount        resticMountCmd       `cmd:"" help:"Show the snapshots as a file system."`
	Prune        resticPruneCmd       `cmd:"" help:"Remove the data no snapshot uses."`
	RebuildIndex resticRepairIndexCmd `cmd:"" hidden:"" help:"Old name of repair index."`
	Recover      resticRecoverCmd     `cmd:"" help:"Make a snapshot of what no snapshot refers to."`
	Repair       resticRepairCmd      `cmd:"" help:"Repair the repository."`
	Restore      resticRestoreCmd     `cmd:"" help:"Restore files from a snapshot."`
	Rewrite      resticRewriteCmd     `cmd:"" help:"Take files out of snapshots, or change their host or time."`
	Snapshots    resticSnapshotsCmd   `cmd:"" help:"List snapshots."`
	Stats        resticStatsCmd       `cmd:"" help:"Count what snapshots hold."`
	Tag          resticTagCmd         `cmd:"" help:"Change the tags of snapshots."`
	Unlock       resticUnlockCmd      `cmd:"" help:"Remove stale locks."`
	Version      resticVersionCmd     `cmd:"" help:"Print the version of restic whose engine is linked."`
}

func (resticCmd) Help() string {
	return `The commands, flags, exit codes and --json output are restic's. The repository is the
configured one, unless -r names another: a local path or s3:URL. Everything happens in
this process; no restic needs to be installed.

  rwm restic init
  rwm restic snapshots --host web1 --latest 3
  rwm restic ls latest /etc
  rwm restic restore latest:/srv --target /tmp/back --verify
  rwm restic check --read-data-subset 5%

With --state or --at the commands that only read look at the repository as it was,
whatever was deleted or overwritten since. Nothing is copied, locked or written.

  rwm restic --at '2026-11-01 12:00' snapshots
  rwm restic --state KEY@VERSION mount /mnt/then
  rwm restic --at '3 days ago' copy -r /srv/new-repository

` + exitCodes + `

As with restic, a wrong command line is 1 here. restic's environment variables are read where there is no flag; RESTIC_REPOSITORY and RESTIC_PASSWORD where the configuration has no repository and no password.`
}

// applyFeatures switches the engine's features as the environment says.
func (a *app) applyFeatures() error {
	warnings, err := restic.SetFeatures(os.Getenv("RESTIC_FEATURES"))
	for _, text := range warnings {
		a.warning(text)
	}
	return err
}

// resticElsewhere are restic's commands that rwm does not have, and why.
var resticElsewhere = map[string]string{
	"self-update": "update rwm itself instead",
	"generate":    "`rwm completion` prints completion scripts",
}
