package rwm_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

// A client of the program's own, with its credentials and transport, instead of one
// made from the configuration.
func ExampleNew() {
	transport, err := minio.DefaultTransport(true)
	if err != nil {
		log.Fatal(err)
	}
	client, err := minio.New("s3.example.org", &minio.Options{
		Creds: credentials.NewIAM(""), Secure: true, Transport: transport,
	})
	if err != nil {
		log.Fatal(err)
	}
	m, err := rwm.New(&rwm.Config{ResticBucket: "host1", ResticPassword: "a long password"},
		rwm.WithClient(client), rwm.WithTransport(transport),
		rwm.WithSessionOptions(restic.WithoutCache(), restic.WithRetryFor(time.Minute)))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(m.Location())
	// Output: s3:https://s3.example.org/host1
}

// Files as they were yesterday, whatever was deleted or overwritten since.
func ExampleManager_OpenAsOf() {
	ctx := context.Background()
	m, err := rwm.New(&rwm.Config{
		S3EndpointURL: "https://s3.example.org", S3AccessKey: os.Getenv("S3_KEY"), S3SecretKey: os.Getenv("S3_SECRET"),
		ResticBucket: "host1", ResticPassword: os.Getenv("PASSWORD"),
	})
	if err != nil {
		log.Fatal(err)
	}
	s, view, err := m.OpenAsOf(ctx, s3state.Moment{At: time.Now().AddDate(0, 0, -1)})
	if err != nil {
		log.Print(err) // errors.Is: s3state.ErrMissing, s3state.ErrStateDiffers, …
		return
	}
	defer func() { _ = s.Close() }()
	fmt.Println(view.Len(), "objects at", view.Time)
	result, err := s.Restore(ctx, restic.RestoreOptions{Snapshot: "latest", Target: "/tmp/yesterday"})
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println(result.FilesRestored, "files")
}
