package endtoend

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/resticcli"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/restic"
	"github.com/minio/minio-go/v7"
)

// TestBackupUnderFaults lets requests of a backup go wrong in every way a
// network and a server know, early, in the middle and at the end. A hiccup must
// not show; what stays broken must end the run with an error that names the
// place. In both cases restic finds the repository intact and the next run
// brings the data in.
func TestBackupUnderFaults(t *testing.T) {
	cli := resticcli.Current(t)
	kinds := map[string]s3test.Fault{
		"503":                 {Kind: s3test.Status, Status: 503},
		"500":                 {Kind: s3test.Status, Status: 500},
		"expired credentials": {Kind: s3test.Status, Status: 403, Code: "ExpiredToken"},
		"reset":               {Kind: s3test.Reset},
		"reset after writing": {Kind: s3test.ResetAfter, Method: "PUT"},
		"truncated answer":    {Kind: s3test.Truncate, Method: "GET"},
		"stalled":             {Kind: s3test.Stall},
	}
	for name, kind := range kinds {
		for _, f := range []s3test.Fault{{After: 2, Times: 1}, {After: 8, Times: 1}, {After: 0}, {After: 5}, {After: 10}} {
			once := f.Times == 1
			kind.After, kind.Times = f.After, f.Times
			f = kind
			t.Run(fmt.Sprintf("%s after %d requests, once=%v", name, f.After, once), func(t *testing.T) {
				t.Parallel() // most of it is waiting
				server := s3test.Start(t)
				client := server.Client(t, server.Admin)
				testBackupUnderFault(t, cli, server, client, f, once && name != "expired credentials")
			})
		}
	}
}

func testBackupUnderFault(t *testing.T, cli *resticcli.CLI, server *s3test.Server, client *minio.Client, f s3test.Fault, mustSucceed bool) {
	bucket := server.Bucket(t)
	must(t, client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}))
	location := restic.S3(client, bucket, "")
	dir := sourceTree(t)
	first, err := restic.Init(t.Context(), location, password, restic.WithoutCache())
	must(t, err)
	backUp := func(ctx context.Context, s *restic.Session) error {
		_, err := s.Backup(ctx, restic.BackupOptions{Paths: []string{dir}})
		return err
	}
	must(t, backUp(t.Context(), first))
	must(t, first.Close())
	changeTree(t, dir)

	// Another process, for which the requests go wrong.
	f.Path = "^/" + bucket + "/"
	server.Inject(t, f)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run := func() error {
		s, err := restic.Open(ctx, location, password, restic.WithoutCache(),
			restic.WithRetryFor(2*time.Second), restic.WithStallTimeout(time.Second))
		if err != nil {
			return err
		}
		err = backUp(ctx, s)
		if cerr := s.Close(); err == nil {
			err = cerr
		}
		return err
	}
	err = run()
	server.ClearFaults(t)
	switch {
	case ctx.Err() != nil:
		t.Fatalf("the run did not end: %v", err)
	case err != nil && mustSucceed:
		t.Fatalf("a hiccup ended the run: %v", err)
	case err != nil && !strings.Contains(err.Error(), bucket):
		t.Fatalf("the error does not name the place: %v", err)
	}
	t.Logf("run under fault: %v", err)

	repo := resticcli.Repo{
		URL: "s3:" + server.URL + "/" + bucket, Password: password,
		AccessKey: server.Admin.AccessKey, SecretKey: server.Admin.SecretKey,
	}
	cli.MustRun(t, repo, "--no-lock", "check", "--read-data")
	s, err := restic.Open(t.Context(), location, password, restic.WithoutCache())
	must(t, err)
	defer s.Close()
	must(t, backUp(t.Context(), s))
	target := t.TempDir()
	cli.MustRun(t, repo, "restore", "latest", "--target", target)
	expectEqualTrees(t, dir, filepath.Join(target, dir))
}
