// Package s3state keeps buckets that a host can write to but not destroy.
//
// A policed bucket is versioned, belongs to an admin, and gives the host's user
// the right to read, write and delete objects, never versions. What an intruder
// with the host's credentials overwrites or deletes is still there as an old
// version. A state is the list of all versions of a bucket at one time, saved
// in the bucket itself; from any state the bucket can be rebuilt as it was.
//
// Begin with [New], which takes the *minio.Client the program uses anyway, and
//
//   - as the admin, [Store.Create] a policed bucket and [Store.CheckPolicy] it;
//   - as the host, [Store.Save] the state after every backup;
//   - as the admin, find a state with [Store.States] or [Store.Info], and
//     [Store.Restore] it into a new bucket;
//   - as the admin, once the storage is known to be complete,
//     [Store.DropVersions] to win space back.
//
// After an attack, [Store.History] tells what happened and names the last good
// moment; [Store.View] gives the bucket as it was at that [Moment], copying
// nothing, [Store.Restore] rebuilds it in a new bucket, and [Store.Download]
// brings it into a local directory. [Store.CheckStorage] tells whether the
// storage is complete without the repository's password, and [Store.Access]
// proves what a host's credentials can do.
//
// # Trust
//
// The host writes the states, so a state is what the host claims. The server
// keeps the version ids, times, sizes and ETags, which the host cannot forge.
// [Store.VerifyState] compares the two, and [Store.Restore] refuses a state that
// names what is not there or that the history contradicts.
//
// # What the policy does not close
//
// The host can always read what is current; restic has encrypted it. On Ceph
// RGW the user who wrote an object could also read its old versions, for its ACL
// says so: there, and only there, [Store.Create] adds a Deny to the two statements.
// (Ceph 16 still lets a host copy such a version as a part of an upload, past any
// policy; [Store.Access] tells.) Where the server knows public access blocks,
// public ACLs are ignored, which the host could otherwise set on its objects.
//
// # Memory
//
// Listings, states and restores are streamed. Nothing grows with the number of
// versions but temporary files (delete markers while capturing, the compressed
// state before it is sent, the list of objects while restoring), which are
// removed in the end.
//
// # Errors
//
// Errors name the bucket, key and version. Use errors.Is with the Err…
// variables, and errors.As with [*BatchError], [*MissingVersionsError],
// [*StateDiffersError] and [*StepError] for what was left behind.
package s3state
