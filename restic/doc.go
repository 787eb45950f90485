// Package restic is a restic repository as a Go API: backup, snapshots, restore, forget, prune, check and the rest, with restic's own engine
// linked in-process. A repository lives in a bucket ([S3], over the *minio.Client you hand in) or in a directory ([Local]), and is the
// same that the restic command reads and writes.
//
// # Where to begin
//
// [Init] makes a repository and [Open] opens one. Both return a [Session]; close it, since that gives its lock back:
//
//	s, err := restic.Open(ctx, restic.S3(client, "bucket", ""), password)
//	if err != nil {
//		return err // errors.Is: ErrNoRepository, ErrWrongPassword, ErrAccessDenied, ErrUnreachable, …
//	}
//	defer s.Close()
//	result, err := s.Backup(ctx, restic.BackupOptions{Paths: []string{"/etc", "/home"}})
//
// Then [Session.Backup], [Session.Snapshots], [Session.Restore], [Session.Forget], [Session.Prune] and [Session.Check]. What happens
// meanwhile is told to an OnEvent function as typed events; how it ended is in the result and the error. The sentinels (ErrLocked,
// ErrIncomplete, …) tell errors apart, and [ExitCode] gives the code restic's command would exit with.
//
// # Sessions
//
// Opening costs a key derivation (up to half a second, by design of the format), taking a lock a fifth of a second, and loading the index a
// request for each index file. A session pays each once, so do many things in one: ten small backups take 50 requests, where ten runs of the
// restic command take 140.
//
// The price is that the session holds a lock from its first operation to Close. It is a shared one, which lets others back up and restore, but
// not forget or prune. A program that lives long should therefore open a session per run, not per lifetime.
//
// # Locks
//
// Locks are restic's and respected both ways. A lock in the way is a [LockedError] that tells whose it is; WithRetryLock waits for it. Stale
// locks are removed on the way: those nobody refreshed for half an hour, and those of this host whose process is gone, so nothing needs
// cleaning up after a crash. A process counts as gone by its number and start time as this host knows them; containers that share a host name
// but not a process table should be given different names.
//
// Cancelling the context stops any operation. The lock is removed all the same. A storage that does not answer is waited for up to half a minute,
// after a cancellation ten seconds; then the lock is left, which ErrLockLeft tells. The next session of this host removes it.
//
// # The past
//
// [AsOf] is a repository as its versioned bucket was at some moment, for reading only: give it the versions that were current then, from a saved
// state or the version history (s3state's View has them; rwm's Manager.OpenAsOf does both). A bucket in which everything was overwritten
// and deleted opens at once, and nothing is copied.
//
// # Failures
//
// A request that fails is made again for WithRetryFor (5 minutes), unless trying again makes no sense: refused credentials, denied or missing
// things, or a storage that has never answered. One during which no byte moves for WithStallTimeout is given up and made again. Retries of the
// client itself (minio.Options.MaxRetries, 10 by default, about 5 seconds on a refused connection) come first for everything but uploads.
//
// What an attacker with write access may have planted in the bucket (objects too short to be what they should be, keys that would eat all memory)
// is refused with an error that names the object.
//
// # The process
//
// The package prints nothing, ends no process and reads no environment variables but for exclude files. Linking restic's engine would make a
// program deaf to SIGHUP; this package undoes that when it is initialized, before main. Programs should have "godebug winsymlink=0" in their
// go.mod, as restic has, when they back up on Windows.
package restic
