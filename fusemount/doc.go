// Package fusemount shows the snapshots of a restic repository as a read-only file system, like `restic mount`, but fast over a network.
//
// Mount puts an open repository on an empty directory. Under it are, unless the options say otherwise,
//
//	ids/<short ID>           each snapshot
//	snapshots/<time>         the same by time; "latest" is a link to the newest
//	hosts/<host>/<time>      by host, with a "latest" for each
//	tags/<tag>/<time>        by tag
//
// Names, owners, permissions, times, sizes, hard links, extended attributes and device numbers are those that were backed up. Snapshots that
// are made while it is mounted appear by themselves.
//
// # Life of a mount
//
// Mount returns a FileSystem at once. Ready tells when the snapshots are loaded, Wait when the directory is free again, whether Unmount was
// called, the context ended or somebody used umount. A file system that is in use is detached: the directory is free at once, the Result names
// the processes that were in the way, and what they have open goes on until Close. What a killed process left mounted is
// cleaned up by the next Mount on the directory.
//
// # Reading
//
// What is read in order is loaded ahead, with neighbouring blobs of a pack in one request and many requests at a time; a walk through small files
// loads the next ones before they are asked for. A blob is loaded once however many readers want it. Everything read is verified
// against its ID: damage is an input/output error, never wrong bytes, and the logger is told which blob of which pack it was. The mount
// goes on, and the next attempt asks the storage again.
//
// Plain data is kept within Options.CacheSize. Content never changes, so the kernel keeps what was read as long as it likes, and shares it between
// snapshots: a file that is the same in two of them has one inode number.
//
// # Systems
//
// Linux, with root or with the package fuse3 installed, is what it is tested on. It builds for macOS (with macFUSE) and FreeBSD as well.
// Elsewhere Mount returns ErrNoFUSE.
package fusemount
