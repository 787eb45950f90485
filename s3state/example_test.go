package s3state_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/cesnet/rwm/s3state"
)

// As the admin: make a bucket for a host. As the host: save the state after
// each backup.
func Example() {
	ctx := context.Background()
	transport := &http.Transport{}
	client, err := minio.New("s3.example.org", &minio.Options{
		Creds:        credentials.NewStaticV4("ACCESS", "SECRET", ""),
		Secure:       true,
		Transport:    transport,
		BucketLookup: minio.BucketLookupPath,
	})
	if err != nil {
		log.Fatal(err)
	}
	store := s3state.New(client, s3state.WithTransport(transport))

	if _, err := store.Create(ctx, "backups-web1", "web1", s3state.CreateOptions{}); err != nil {
		log.Fatal(err)
	}
	saved, err := store.Save(ctx, "backups-web1", s3state.CaptureOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(saved.Key, saved.VersionID, saved.Capture.Objects)
}

// After an attack: rebuild the bucket as it was when a state was saved.
func ExampleStore_Restore() {
	ctx := context.Background()
	var store *s3state.Store // with the admin's credentials; see New

	states, err := store.States(ctx, "backups-web1")
	if err != nil {
		log.Fatal(err)
	}
	good := states[0] // also states the attacker has deleted are here
	_, err = store.Restore(ctx, s3state.RestoreOptions{
		Source: "backups-web1", Target: "backups-web1-restored",
		Moment: s3state.Moment{StateKey: good.Key, StateVersion: good.VersionID},
		OnEvent: func(e s3state.Event) {
			if p, ok := e.(s3state.CopyProgress); ok {
				fmt.Printf("%d of %d objects\n", p.Objects, p.TotalObjects)
			}
		},
	})
	var missing *s3state.MissingVersionsError
	var failed *s3state.BatchError
	switch {
	case errors.As(err, &missing): // nothing was made; try another state
		fmt.Println(missing.Total, "versions are gone")
	case errors.As(err, &failed): // the rest is restored; run it again
		fmt.Println(failed.Total, "objects could not be copied")
	case err != nil:
		log.Fatal(err)
	}
}

// A state can be read without a bucket, too.
func ExampleReadState() {
	state := `{
	  "bucket_name": "backups-web1",
	  "versions": [{"Key": "config", "VersionId": "v1", "IsLatest": true, "Size": 155,
	    "LastModified": "2026-01-02T03:04:05+00:00", "ETag": "\"0cc175b9c0f1b6a831c399e269772661\""}],
	  "delete_markers": [{"Key": "locks/ab", "VersionId": "v2", "IsLatest": true, "LastModified": "2026-01-02T03:04:06+00:00"}],
	  "time_end": "2026-01-02T04:00:00+01:00"
	}`
	sr := s3state.ReadState(strings.NewReader(state))
	for v, err := range sr.All() {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(v.Key, v.Size, v.DeleteMarker)
	}
	fmt.Println(sr.Header().BucketName, sr.Header().TimeEnd.UTC())
	// Output:
	// config 155 false
	// locks/ab 0 true
	// backups-web1 2026-01-02 03:00:00 +0000 UTC
}

// What is not a state is told from a connection that failed.
func ExampleReadPackedState() {
	_, err := s3state.ReadPackedState(bytes.NewReader([]byte("hello")))
	fmt.Println(errors.Is(err, s3state.ErrBadState))
	// Output: true
}
