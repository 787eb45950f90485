// Package s3state keeps buckets that a host can write to but not destroy.
//
// A policed bucket is versioned, belongs to an admin, and gives the host's user the
// right to read, write and delete objects, never versions. What an attacker with the
// host's credentials overwrites or deletes is still there as an old version. A state is
// the list of all versions of a bucket at one time, saved in the bucket itself; from
// any state the bucket can be rebuilt as it was.
//
// Begin with [New], which takes the *minio.Client the program uses anyway, and
//
//   - as the admin, [Store.Create] a policed bucket, or [Store.Adopt] one that exists,
//     and [Store.CheckPolicy] it;
//   - as the host, [Store.Save] the state after every backup;
//   - as the admin, find a state with [Store.States] or [Store.Info], and
//     [Store.Restore] it into a new bucket;
//   - as the admin, once the storage is known to be complete,
//     [Store.DropVersions] to reclaim space.
//
// After an attack, [Store.History] tells what happened and names the last good moment;
// [Store.View] gives the bucket as it was at that [Moment], copying nothing,
// [Store.Restore] rebuilds it in a new bucket, and [Store.Download] brings it into a
// local directory. [Store.CheckStorage] tells whether the storage is complete without
// the repository's password, and [Store.Access] proves what a host's credentials can
// do.
//
// # Trust
//
// The host writes the states, so a state is what the host claims. The server keeps the
// version IDs, times, sizes and ETags, which the host cannot forge. [Store.VerifyState]
// compares the two, and [Store.Restore] refuses a state that names what is not there or
// that the history contradicts.
//
// # Gaps the policy leaves
//
// The host can always read what is current; restic has encrypted it. On Ceph RGW the
// user who wrote an object can also read its old versions, because the object's ACL
// says so: there, and only there, [Store.Create] adds a Deny to the two statements.
// (Ceph 16 still lets a host copy such a version as a part of an upload, past any
// policy; [Store.Access] tells.) Where the server knows public access blocks, public
// ACLs are ignored, which the host could otherwise set on its objects.
//
// # Memory
//
// Listings, states and restores are streamed. Only temporary files grow with the number
// of versions (delete markers while capturing, the compressed state before it is sent,
// the list of objects while restoring); they are removed in the end.
//
// # Options
//
// A count or a time of 0 in an options struct stands for the default that its field
// names. A negative count of states stands for all of them.
//
// WithTransport, WithLogger, WithParallel, WithRequestTimeout and WithRetries have the
// names they have in package s3versions: a Store makes its s3versions.Client with them,
// and applies the same bounds to the requests that it sends through minio-go.
//
// # Errors
//
// Every call can return ErrNoBucket, ErrAccessDenied (ErrCredentials is one),
// ErrInvalid and ErrUnreachable; the comment of a method names its other errors. Errors
// name the bucket, key and version. Use errors.Is with the Err… variables, and
// errors.As with [*BatchError], [*MissingVersionsError], [*StateDiffersError] and
// [*StepError] for what was left behind.
//
// # Files
//
// Files that belong together share a prefix; the first of them has what is exported.
//
//	store.go, event.go, errors*.go  Store and its options, progress, errors
//	layout.go             restic's and RWM's key names
//	moment.go, view*.go   Moment, and the objects of a bucket at one or several
//	versions.go           the version listing, by package s3versions
//	bucket*.go            settings of a bucket; List, Info
//	object_*.go           reading one version, and checking its bytes
//	spool.go              bytes that wait in memory or in a temporary file
//	manifest*.go          the objects that should be there: manifest and its entries
//
//	evidence*.go          what a server's record proves; what was current at a time
//	state_*.go            saving, listing, opening, writing and reading states
//	verify*.go            a state against the version history
//	history*.go           the timeline, its steps, and what is suspicious in it
//	  history_locks*.go   which deletions restic's locks explain
//	  history_suspicion.go   add a suspicious sign here
//	policy*.go            writing, reading and checking the policy; Create, Access
//	seal*.go              Seal and Unseal; the statement itself is in policy_seal.go
//	adopt*.go             makes an existing bucket a policed one: look, judge, steps
//	settings_*.go         a bucket's settings as last seen, and what changed since
//	lock*.go              object lock: its settings, trying it out, one version's lock
//	renew*.go             extending locks, and the ledger of what was extended
//	reclaimed.go          what the bucket's own lifecycle rule may have removed
//	restore*.go           into a bucket (copy, compare) or a directory (download, file)
//	drop*.go              DropVersions: check, keep, select, remove; drop_bucket.go Delete
//	check*.go             CheckStorage: what is current against the last verified state
package s3state
