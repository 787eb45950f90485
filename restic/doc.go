// Package restic is a restic repository as a Go API: backup, restore, forget, prune, check and the rest, with restic's own engine linked
// in-process, on S3 or in a directory.
package restic
