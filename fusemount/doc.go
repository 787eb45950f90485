// Package fusemount shows the snapshots of a restic repository as a read-only file
// system, like `restic mount`, but fast over a network.
//
// Mount mounts an open repository on an empty directory. Unless the options say
// otherwise, it holds
//
//	ids/<short ID>           each snapshot
//	snapshots/<time>         the same by time; "latest" is a link to the newest
//	hosts/<host>/<time>      by host, with a "latest" for each
//	tags/<tag>/<time>        by tag
//
// Names, owners, permissions, times, sizes, hard links, extended attributes and device
// numbers are those of the backup. New snapshots appear while it is mounted.
//
// # Life of a mount
//
// Mount returns a FileSystem at once. Ready waits until the snapshots are loaded; Wait
// waits until the directory is free again, after Unmount, the end of the context or an
// umount command. A file system in use is detached: the directory is free at once, the
// Result names the processes that use it, and their open files stay readable until
// Close. The next Mount on a directory cleans up a mount that a killed process left
// there.
//
// # Reading
//
// Sequential reads are prefetched, with neighbouring blobs of a pack in one request and
// many requests at a time; a walk through small files prefetches the next ones. However
// many readers want a blob, it is loaded once. Everything is verified against its ID:
// damage causes an input/output error, never wrong bytes, and the log names the blob
// and its pack. The mount stays usable, and the next attempt asks the storage again.
//
// Options.CacheSize bounds the plain data in memory. Content never changes, so the
// kernel caches it as long as it likes and shares it between snapshots: a file that is
// the same in two of them has one inode number.
//
// # Systems
//
// It is tested on Linux, as root or with the package fuse3. It also builds for macOS
// (with macFUSE) and FreeBSD. Elsewhere Mount returns ErrNoFUSE.
package fusemount

// A map of the files:
//
//	mount.go           Mount and the life of a FileSystem
//	mount_other.go     systems without FUSE
//	options.go, errors.go
//	mountpoint.go      which directory can be mounted on
//	system_*.go        mount, unmount and stale mounts on each system
//	holders_linux.go   the processes that use a mounted file system
//
//	snapshots.go       the list of snapshots, kept up to date
//	names.go           their names: the path templates
//	names_dir.go       the directories above the snapshots, as inodes
//	dir.go, file.go, node.go, tree.go, listing.go
//	                   directories and files below a snapshot, as inodes
//	attr*.go           attributes and inode numbers
//	entry_limit.go     bounds the directory entries in memory
//
//	loader.go          loading blobs, by internal/blobload
//	readahead.go       what a sequential reader of a file will want
//	lookahead.go       which files a walk will read next
//	buffers*.go        memory for blobs outside the Go heap
