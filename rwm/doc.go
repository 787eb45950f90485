// Package rwm runs protected backups: restic into a policed bucket, and the state of
// that bucket saved after every run, so that the bucket can be rebuilt as it was,
// whatever happens to it later.
//
// A program makes a [Config] (in Go, or from a file with [LoadConfig]), hands it
// to [New] and calls the [Manager]:
//
//	m, err := rwm.New(cfg)
//	report, err := m.Backup(ctx, "home")      // prerun, backup, postrun, retention, state
//	states, err := m.Storage().States(ctx, cfg.ResticBucket)
//
// [Manager.Backup] and [Manager.BackupAll] do a whole run: one run at a time on a host,
// and one session of the repository for the whole run. [Manager.OpenRepository] opens
// the repository as a [restic.Session]; [Manager.Storage] has the bucket operations.
// All of them share one S3 client, which the caller may hand in ([WithClient]).
//
// After an attack, [Manager.History] names the last good moment, and
// [Manager.OpenAsOf] opens the repository as it was then. [Manager.CheckStorage] and
// [Manager.DropVersions] add restic's own check to those of the storage.
//
// Progress arrives as typed events ([WithEvents]), the output of hooks goes to the
// writers of [WithOutput], and the package itself prints nothing. Distinguish errors
// with [errors.Is] and [errors.As]; [ExitCode] turns one into an exit status for a
// command line.
package rwm
