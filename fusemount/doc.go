// Package fusemount shows the snapshots of a restic repository as a read-only file system.
package fusemount
