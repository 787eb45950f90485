package restic

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/resticcli"
	"github.com/cesnet/rwm/internal/harness/s3test"
)

// history fills a repository with n snapshots of a directory that keeps changing.
func history(t testing.TB, s *Session, n int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for i := range n {
		for f := range 5 {
			name := filepath.Join(dir, fmt.Sprint("file", (i+f)%50))
			if err := os.WriteFile(name, []byte(noise(100<<10, uint64(i*5+f+1))), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		backupAt(t, s, time.Now().Add(time.Duration(i-n)*time.Minute), "alpha", nil, dir)
	}
	return dir
}

func s3Repo(t testing.TB, srv *s3test.Server, loc Location, cacheDir string) resticcli.Repo {
	return resticcli.Repo{URL: loc.String(), Password: testPassword, CacheDir: cacheDir,
		AccessKey: srv.Admin.AccessKey, SecretKey: srv.Admin.SecretKey}
}

// TestOpsOnS3 goes once through everything on a bucket, and lets restic look at the
// result.
func TestOpsOnS3(t *testing.T) {
	cli := resticcli.Current(t)
	srv := s3test.Start(t)
	loc := newBucket(t, srv)
	s, err := Init(t.Context(), loc, testPassword, WithCacheDir(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	dir := history(t, s, 25)
	srv.ResetRequests(t)
	res, err := s.Forget(t.Context(), ForgetOptions{Policy: Policy{Last: 3}, Prune: &PruneOptions{}})
	if err != nil || len(res.Removed) != 22 || res.Prune.Packs.Remove == 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	single, lists := 0, map[string]int{}
	for _, r := range srv.Requests(t) {
		if r.Method == "DELETE" && strings.Contains(r.Path, "/snapshots/") {
			single++
		}
		if r.Method == "GET" && strings.Contains(r.Query, "prefix=snapshots") {
			lists["snapshots"]++
		}
		if r.Method == "GET" && strings.Contains(r.Path, "/snapshots/") {
			t.Errorf("snapshot %s was fetched though the session knows it", r.Path)
		}
	}
	if single > 5 || lists["snapshots"] > 1 {
		t.Errorf("%d snapshots were removed one by one, and they were listed %d times", single, lists["snapshots"])
	}
	list, err := s.Snapshots(t.Context(), SnapshotFilter{})
	if err != nil || len(list) != 3 {
		t.Errorf("%d snapshots, %v", len(list), err)
	}
	target := t.TempDir()
	if _, err := s.Restore(t.Context(), RestoreOptions{Snapshot: "latest:" + filepath.ToSlash(dir), Target: target, Verify: true}); err != nil {
		t.Fatal(err)
	}
	sameFiles(t, dir, target)
	if _, err := s.Stats(t.Context(), StatsOptions{Mode: StatsRawData}); err != nil {
		t.Error(err)
	}
	if r, err := s.Check(t.Context(), CheckOptions{ReadData: true}); err != nil {
		t.Errorf("%v\n%v", err, r.Findings)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	cli.MustRun(t, s3Repo(t, srv, loc, t.TempDir()), "check", "--read-data")
}

// BenchmarkForgetPrune compares forget and prune of 200 snapshots, at 20 ms a request,
// with the restic command. Both begin with a cold process and without a cache.
func BenchmarkForgetPrune(b *testing.B) {
	cli := resticcli.Current(b)
	srv := s3test.Start(b)
	model := newBucket(b, srv)
	s, err := Init(b.Context(), model, testPassword, WithCacheDir(b.TempDir()))
	if err != nil {
		b.Fatal(err)
	}
	history(b, s, 200)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	clone := func() Location {
		loc := newBucket(b, srv)
		client, from, to := loc.(*s3Location).client, model.(*s3Location).bucket, loc.(*s3Location).bucket
		for o := range client.ListObjects(b.Context(), from, minio.ListObjectsOptions{Recursive: true}) {
			if _, err := client.CopyObject(b.Context(), minio.CopyDestOptions{Bucket: to, Object: o.Key}, minio.CopySrcOptions{Bucket: from, Object: o.Key}); err != nil {
				b.Fatal(err)
			}
		}
		return loc
	}
	var ours, theirs time.Duration
	for b.Loop() {
		loc, other := clone(), clone()
		srv.SetLatency(b, 20*time.Millisecond)
		start := time.Now()
		s, err := Open(b.Context(), loc, testPassword, WithCacheDir(b.TempDir()))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Forget(b.Context(), ForgetOptions{Policy: Policy{Last: 10}, Prune: &PruneOptions{}}); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		ours += time.Since(start)
		start = time.Now()
		cli.MustRun(b, s3Repo(b, srv, other, b.TempDir()), "forget", "--keep-last", "10", "--prune")
		theirs += time.Since(start)
		srv.SetLatency(b, 0)
	}
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "times-faster")
}
