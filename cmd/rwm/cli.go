package main

import "github.com/cesnet/rwm/internal/resticflags"

const description = `Restic WORM Manager: restic backups on S3 that survive an attacker on the backed-up host.

The repository lies in a bucket that keeps every version of every object. The host may write and delete objects, never versions; after every backup the state of the bucket is saved, and from any saved state the bucket can be rebuilt as it was.

Commands of a host:
  rwm backup-all                                         what the schedule runs
  rwm restic snapshots                                   any restic command on the configured repository
  rwm restic restore latest --target /tmp/back

Commands of the admin, with the admin's own rwm.conf, never on the host:
  rwm storage-create backups host1                       a new policed bucket for the user host1
  rwm storage-info backups                               is it as it should be, which states are saved
  rwm storage-restore-state backups rescue KEY VERSION   rebuild it in the new bucket "rescue"

` + exitCodes

const defaultConfig = "rwm.conf"

// cli is every command and the flags all of them share.
type cli struct {
	Config string `help:"Configuration file (YAML, mode 0600)." placeholder:"FILE" predictor:"file"`
	Debug  bool   `help:"Log what is done to stderr, requests included."`
	resticflags.Output

	Backup              backupCmd              `cmd:"" group:"Backup:" help:"Run the named backups of the configuration, then retention, then save the bucket's state."`
	BackupAll           backupAllCmd           `cmd:"" group:"Backup:" help:"Run every backup of the configuration, then retention, then save the bucket's state."`
	Restic              resticCmd              `cmd:"" group:"Backup:" help:"Run a restic command on the configured repository, in this process."`
	StorageCreate       storageCreateCmd       `cmd:"" group:"Storage:" help:"Create a policed bucket."`
	StorageAdopt        storageAdoptCmd        `cmd:"" group:"Storage:" help:"Turn a bucket that has a repository in it into a policed one."`
	StorageDelete       storageDeleteCmd       `cmd:"" group:"Storage:" help:"Delete every object, version and delete marker of a bucket, then the bucket."`
	StorageList         storageListCmd         `cmd:"" group:"Storage:" help:"List the buckets, and check their policies."`
	StorageInfo         storageInfoCmd         `cmd:"" group:"Storage:" help:"Show a bucket: policy check, owner, counts and sizes, ACL, policy, saved states."`
	StorageState        storageStateCmd        `cmd:"" group:"Storage:" help:"Print the current state of a bucket as JSON."`
	StorageHistory      storageHistoryCmd      `cmd:"" group:"Storage:" help:"Show what happened in a bucket, what is suspicious, and the last good moment."`
	StorageCheck        storageCheckCmd        `cmd:"" group:"Storage:" help:"Check whether a bucket is complete; the repository's password is optional."`
	StorageAccess       storageAccessCmd       `cmd:"" group:"Storage:" help:"Test what the host's credentials allow."`
	StorageLock         storageLockCmd         `cmd:"" group:"Storage:" help:"Lock an existing policed bucket."`
	StorageRenew        storageRenewCmd        `cmd:"" group:"Storage:" help:"Extend the locks of needed objects in a locked bucket."`
	StorageSeal         storageSealCmd         `cmd:"" group:"Storage:" help:"Keep the host of a bucket from reading file data back."`
	StorageUnseal       storageUnsealCmd       `cmd:"" group:"Storage:" help:"Let a sealed host read file data for a time."`
	StorageDropVersions storageDropVersionsCmd `cmd:"" group:"Storage:" help:"Remove the saved states, old versions and delete markers, then save one new state."`
	StorageRestoreState storageRestoreStateCmd `cmd:"" group:"Storage:" help:"Rebuild a bucket as it was in a new bucket or a directory."`
	Keep                keepCmd                `cmd:"" group:"Storage:" help:"Do what is due for all storages of keeper.conf: prove, drill, watch, tell."`
	Aws                 awsCmd                 `cmd:"" passthrough:"" group:"Other:" help:"Run the AWS CLI with the configured endpoint and credentials."`
	S3                  s3Cmd                  `cmd:"" name:"s3" group:"Other:" help:"List, copy and remove objects and their versions."`
	Rcc                 rccCmd                 `cmd:"" passthrough:"" group:"Other:" help:"Run rclone with the encrypted remote rwmbe: over a bucket."`
	Version             versionCmd             `cmd:"" group:"Other:" help:"Print the version."`
	ConfigCmd           configCmd              `cmd:"" name:"config" group:"Other:" help:"Check the configuration."`
	Completion          completionCmd          `cmd:"" group:"Other:" help:"Print the shell's completion script."`
	Man                 manCmd                 `cmd:"" hidden:"" help:"Print the manual page."`
}
