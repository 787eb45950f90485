package restic_test

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/restic"
)

// A repository whose objects were all overwritten or deleted, as it was at noon. Where
// the versions come from is the caller's business; s3state's View is one source.
func ExampleAsOf() {
	var client *minio.Client // the admin's
	versions := []restic.ObjectVersion{
		{Key: "config", VersionID: "3HL4kqtJlcpXroDTDmjVBH40Nrjfkd", Size: 155},
		// … keys, snapshots, index, data
	}
	past := restic.AsOf(client, "backups", "", "as of 2026-11-01 12:00:00 UTC", slices.Values(versions))
	fmt.Println(past)

	_, err := restic.Init(context.Background(), past, "password")
	fmt.Println(errors.Is(err, restic.ErrReadOnly))
	// Output:
	// s3:backups as of 2026-11-01 12:00:00 UTC
	// true
}
