module github.com/cesnet/rwm

go 1.26

// restic's own setting: keep the old behaviour for Windows reparse points.
godebug winsymlink=0

replace github.com/restic/restic/rwmlink => ./restic/link

require (
	github.com/restic/restic/rwmlink v0.0.0
	github.com/minio/minio-go/v7 v7.4.1
)
