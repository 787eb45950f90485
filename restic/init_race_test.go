package restic

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// Of Inits at the same moment one makes the repository, and the others leave nothing: a
// key of one beside the config of another is opened by no password.
func TestInitsAtTheSameMoment(t *testing.T) {
	srv := s3test.Shared(t)
	client, bucket := srv.Client(t, srv.Admin), srv.Bucket(t)
	if err := client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, loc := range map[string]Location{
		"bucket":    S3(client, bucket, ""),
		"directory": Local(filepath.Join(t.TempDir(), "repo")),
	} {
		t.Run(name, func(t *testing.T) {
			errs := make([]error, 3)
			var all sync.WaitGroup
			for i := range errs {
				all.Go(func() {
					s, err := Init(t.Context(), loc, "password", WithoutCache())
					if errs[i] = err; err == nil {
						errs[i] = s.Close()
					}
				})
			}
			all.Wait()
			made := 0
			for _, err := range errs {
				if err == nil {
					made++
				} else if !errors.Is(err, ErrExists) {
					t.Error(err)
				}
			}
			s, err := Open(t.Context(), loc, "password", WithoutCache())
			if err != nil {
				t.Fatal(err)
			}
			keys, err := s.Keys(t.Context())
			if err != nil || len(keys) != 1 || made != 1 {
				t.Errorf("%d were made, %d keys, %v", made, len(keys), err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
