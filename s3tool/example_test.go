package s3tool_test

import (
	"context"
	"fmt"
	"log"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/s3tool"
)

func ExampleParseLocation() {
	at, err := s3tool.ParseLocation("s3://backups/data/ab/")
	fmt.Println(at.Bucket, at.Key, err)
	// Output: backups data/ab/ <nil>
}

// Upload a directory; run again after an interruption, it goes on.
func ExampleTool_Copy() {
	var client *minio.Client // the program's own
	tool := s3tool.New(client)
	result, err := tool.Copy(context.Background(), "/srv/dumps", "", "s3://backups/dumps", s3tool.CopyOptions{
		Recursive: true,
		OnEvent:   func(e s3tool.Copied) { log.Printf("%s: %d bytes", e.Destination, e.Bytes) },
	})
	if err != nil {
		log.Fatal(err) // names every file that failed
	}
	log.Printf("%d files, %d bytes of them from an earlier try", result.Copied, result.Resumed)
}

// Find the versions of an object and read the oldest.
func ExampleTool_Versions() {
	var client *minio.Client // the program's own
	tool := s3tool.New(client)
	ctx := context.Background()
	at := s3tool.Location{Bucket: "backups", Key: "config"}
	for v, err := range tool.Versions(ctx, at) {
		if err != nil {
			log.Fatal(err)
		}
		if v.Key == at.Key && !v.DeleteMarker {
			at.VersionID = v.VersionID // they come newest first
		}
	}
	if err := tool.Cat(ctx, at, log.Writer()); err != nil {
		log.Fatal(err)
	}
}
