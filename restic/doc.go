// Package restic is a restic repository as a Go API: backup, snapshots, restore,
// forget, prune, check and the rest, with restic's own engine linked in-process. A
// repository lives in a bucket ([S3], over the *minio.Client you hand in) or in a
// directory ([Local]), and is an ordinary restic repository, which the restic command
// reads and writes, too.
//
// # Where to begin
//
// [Init] makes a repository and [Open] opens one. Both return a [Session]; close it to
// release its lock:
//
//	s, err := restic.Open(ctx, restic.S3(client, "bucket", ""), password)
//	if err != nil {
//		return err // errors.Is: ErrNoRepository, ErrWrongPassword, ErrAccessDenied, ErrUnreachable, …
//	}
//	defer s.Close()
//	result, err := s.Backup(ctx, restic.BackupOptions{Paths: []string{"/etc", "/home"}})
//
// Then [Session.Backup], [Session.Snapshots], [Session.Restore], [Session.Forget],
// [Session.Prune] and [Session.Check]. An OnEvent function receives the progress as
// typed events; the result and the error tell the outcome. Sentinels (ErrLocked,
// ErrIncomplete, …) distinguish errors, and [ExitCode] returns the code that restic's
// command would exit with.
//
// # Sessions
//
// Opening costs a key derivation (up to half a second, by design of the format),
// locking takes a fifth of a second (of writers and checks; other readers do not wait),
// and loading the index takes one request for each index file. A session pays for each
// once, so use one session for many operations: ten small backups take 50 requests,
// where ten runs of the restic command take 140.
//
// The price is that the session holds a lock from its first operation to Close. It is a
// shared one, which lets others back up and restore, but not forget or prune. A
// long-running program should therefore open a session for each run, not one for its
// whole life.
//
// A session may be used by several goroutines. What changes the repository waits, until
// its context ends, for operations that it cannot run beside; Close waits for all. So a
// function of yours that an operation calls (OnEvent, Select, a visitor) must not change
// the repository by the same session, nor close it: each would wait for the other.
//
// # Locks
//
// Locks are restic's: this package and the restic command respect each other's. A
// conflicting lock is a [LockedError] that names its holder; WithRetryLock waits for
// it. Stale locks are removed automatically: those not refreshed for half an hour, and
// those of this host whose process has certainly ended, so nothing needs cleaning up
// after a crash. A process holds a file lock in the user's cache directory for each of
// its locks, which shows that it is still running; containers that share a host name
// but not that directory never remove each other's locks before they are half an hour
// old.
//
// Cancelling the context stops any operation, and the lock is still removed. If the
// storage does not answer, the session waits up to half a minute, or ten seconds after
// a cancellation; then the lock stays, which ErrLockLeft reports. The next session of
// this host removes it, except with WithoutCache and no WithLockDir.
//
// # The past
//
// [AsOf] is a read-only repository, as its versioned bucket was at some moment: give it
// the versions that were current then, from a saved state or the version history
// (s3state's View has them; rwm's Manager.OpenAsOf does both). A bucket in which
// everything was overwritten and deleted opens at once, and nothing is copied.
//
// # Failures
//
// A failing request is retried for WithRetryFor (5 minutes), unless that is pointless:
// rejected credentials, denied requests, missing objects, or a storage that has never
// answered. A request that stalls for WithStallTimeout is aborted and retried. Retries
// of the client itself (minio.Options.MaxRetries, 10 by default, about 5 seconds on a
// refused connection) come first for everything but uploads.
//
// Objects that an attacker with write access may have planted in the bucket (truncated
// objects, keys that would exhaust memory) are rejected with an error that names the
// object.
//
// # The process
//
// The package prints nothing, never ends the process, and reads environment variables
// only for exclude files. Linking restic's engine would make a program ignore SIGHUP;
// this package undoes that when it is initialized, before main. Programs should have
// "godebug winsymlink=0" in their go.mod, as restic has, when they back up on Windows.
//
// # Zero and negative values
//
// The zero value of an option is its default, which its comment names. A negative count
// of snapshots means all of them ([KeepAll] in a [Policy]); negative sizes and times
// are refused. An operation passes what it finds to a function, one by one; an error of
// that function aborts the operation and is returned. Session.Nodes, which returns
// nothing else, is an iterator.
package restic

// A map of the files. An operation is one file with its options, its result and its
// method of Session; the files beside it have its name as prefix. It uses the
// repository by Session.run, which takes an access as data: the lock, the index and the
// repository object it needs.
//
//	session.go, access*.go    the open repository; how an operation uses it
//	session_index.go          when the index is loaded again
//	open*.go, init*.go        from a location and a password to a session
//	gone.go, sealed*.go       a deleted repository; a host that may not read file data
//	ahead.go, lock_taking.go  what is read while a lock is taken, and when that counts
//	waiting.go                says that opening or locking takes long
//	internal/scrypt           the key derivation on several processors, with vectors
//	options.go                options of Open and Init
//	location.go, memory.go, asof.go
//	                          where a repository is: bucket, directory, memory, the past
//	lock*.go, unlock*.go      taking, refreshing, judging and removing locks
//	process_*.go, signal_*.go whether a process runs; SIGHUP
//	errors.go, explain.go, exitcode.go, item_error.go, error_json.go, leave_out.go
//	event.go, progress.go     events; the engine's output as events
//
//	backup*.go                Backup: options, source, parent, progress, result
//	fast_*.go                 keeps from the archiver what did not change
//	snapshots*.go, snapshot_*.go
//	                          listing, filters, groups; the session's view of them
//	fs*.go, stat.go           a snapshot as an fs.FS; single nodes
//	limits.go, close.go       rates that change; the end of a session
//	ahead_*.go, tree_*.go     trees and data loaded before a walk comes to them
//	restore*.go, dump*.go, ls*.go, find*.go, diff.go, stats*.go, cat.go, list.go
//	                          reading
//	forget*.go, tag.go, rewrite*.go, prune*.go, remove_batch.go, migrate.go, key.go
//	                          changing
//	check*.go, repair_*.go, recover.go
//	                          damage
//	prove*.go                 whether a repository holds together, now or at a time;
//	                          what its snapshots need (prove_needs.go)
//	copy*.go                  to another repository
//	reader*.go, decrypt.go    single blobs and files, for fusemount and s3state
//	unpack.go, index_json.go  what one object may hold, and what an index says
//	patterns.go, blobset.go, duration.go, size.go, compression.go, id.go, node.go,
//	features.go               values
//
//	stack.go                  the layers below a repository object, inside out:
//	backend_s3*.go            the bucket (asof_backend.go: as it was)
//	backend_guard*.go         rejects objects that would make the engine panic
//	backend_bombs*.go         refuses packs that unpack to more than their index says
//	backend_meter.go          counts the requests of a proof, and bounds them
//	backend_track.go          remembers locks and indexes of the session
//	backend_keyview.go        shows the engine one key at a time
//	backend_cache.go          reads through the local cache, and checks what it has
//	backend_ahead.go          an object that is asked for before it is needed
//	cache_dirs.go             the local caches
//
// Walks and dumps look ahead on their own (ahead_*.go) beside internal/blobload, which
// serves FS and the mount. That one loads what it is told to, in any order, and keeps
// it for readers that come back. A walk learns of its next trees from those before,
// takes each once, holds it decoded, and gets its bytes and errors from the engine; a
// dump's data goes to a cache of the engine's, and would be in memory twice. Both put
// blobs together into requests with blobload.Runs.
//
// The layers of stack.go stay in this package. Apart from the requests themselves they
// are made of the package's own terms: the guard returns ErrDamaged, the S3 errors map
// to the sentinels, the tracker ends a session's locks and feeds its events, the key
// view belongs to Open. In a package of their own they would need most of errors.go,
// options.go and event.go as well, or copies of them, and an exported name for each,
// so neither side would become smaller.
//
// The engine is imported under names that begin with eng, and no exported name has one
// of its types.
