package endtoend

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/cesnet/rwm/internal/harness/cheapkeys"
	"github.com/cesnet/rwm/internal/harness/resticcli"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/restic"
	"github.com/minio/minio-go/v7"
)

// engine is one program that works on a repository: ours, or a restic command.
type engine interface {
	name() string
	init(t *testing.T)
	backup(t *testing.T, dir string)
	snapshots(t *testing.T) int
	checkReadData(t *testing.T)
	restoreLatest(t *testing.T, target string)
	keepLastAndPrune(t *testing.T, n int)
}

const password = "interop password"

// ours opens a session for every step, as separate runs of rwm would.
type ours struct{ location restic.Location }

func (o ours) name() string { return "rwm" }

func (o ours) open(t *testing.T) *restic.Session {
	t.Helper()
	s, err := restic.Open(t.Context(), o.location, password, restic.WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func (o ours) init(t *testing.T) {
	t.Helper()
	s, err := restic.Init(t.Context(), o.location, password, restic.WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

func (o ours) backup(t *testing.T, dir string) {
	t.Helper()
	s := o.open(t)
	defer s.Close()
	if _, err := s.Backup(t.Context(), restic.BackupOptions{Paths: []string{dir}}); err != nil {
		t.Fatal(err)
	}
}

func (o ours) snapshots(t *testing.T) int {
	t.Helper()
	s := o.open(t)
	defer s.Close()
	list, err := s.Snapshots(t.Context(), restic.SnapshotFilter{})
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func (o ours) checkReadData(t *testing.T) {
	t.Helper()
	s := o.open(t)
	defer s.Close()
	if _, err := s.Check(t.Context(), restic.CheckOptions{ReadData: true}); err != nil {
		t.Fatal(err)
	}
}

func (o ours) restoreLatest(t *testing.T, target string) {
	t.Helper()
	s := o.open(t)
	defer s.Close()
	if _, err := s.Restore(t.Context(), restic.RestoreOptions{Snapshot: "latest", Target: target, Verify: true}); err != nil {
		t.Fatal(err)
	}
}

func (o ours) keepLastAndPrune(t *testing.T, n int) {
	t.Helper()
	s := o.open(t)
	defer s.Close()
	_, err := s.Forget(t.Context(), restic.ForgetOptions{Policy: restic.Policy{Last: n}, Prune: &restic.PruneOptions{}})
	if err != nil {
		t.Fatal(err)
	}
}

// theirs is a real restic command.
type theirs struct {
	cli    *resticcli.CLI
	repo   resticcli.Repo
	client *minio.Client
	bucket string
}

func (c theirs) name() string { return c.cli.Name }
func (c theirs) init(t *testing.T) {
	t.Helper()
	c.cli.MustRun(t, c.repo, "init")
	cheapkeys.Bucket(t, c.client, c.bucket, password)
}

func (c theirs) backup(t *testing.T, dir string) {
	t.Helper()
	c.cli.MustRun(t, c.repo, "backup", dir)
}

func (c theirs) snapshots(t *testing.T) int {
	t.Helper()
	var list []json.RawMessage
	if err := json.Unmarshal(c.cli.MustRun(t, c.repo, "snapshots", "--json").Stdout, &list); err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func (c theirs) checkReadData(t *testing.T) {
	t.Helper()
	c.cli.MustRun(t, c.repo, "check", "--read-data")
}

func (c theirs) restoreLatest(t *testing.T, target string) {
	t.Helper()
	c.cli.MustRun(t, c.repo, "restore", "latest", "--target", target, "--verify")
}

func (c theirs) keepLastAndPrune(t *testing.T, n int) {
	t.Helper()
	c.cli.MustRun(t, c.repo, "forget", "--keep-last", fmt.Sprint(n), "--prune")
}

// TestInteroperation: what one program wrote, the other reads, checks, restores,
// adds to and prunes; afterwards the first is still content with it.
func TestInteroperation(t *testing.T) {
	for _, cli := range []*resticcli.CLI{resticcli.Current(t), resticcli.Debian(t)} {
		for _, weWrite := range []bool{true, false} {
			server := s3test.Shared(t)
			client := server.Client(t, server.Admin)
			bucket := server.Bucket(t)
			must(t, client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}))
			a := engine(ours{restic.S3(client, bucket, "")})
			b := engine(theirs{cli, resticcli.Repo{
				URL: "s3:" + server.URL + "/" + bucket, Password: password,
				AccessKey: server.Admin.AccessKey, SecretKey: server.Admin.SecretKey,
			}, client, bucket})
			if !weWrite {
				a, b = b, a
			}
			t.Run(a.name()+" writes, "+b.name()+" takes over", func(t *testing.T) {
				t.Parallel()
				takeOver(t, a, b)
			})
		}
	}
}

func takeOver(t *testing.T, a, b engine) {
	dir := sourceTree(t)
	a.init(t)
	a.backup(t, dir)
	changeTree(t, dir)
	a.backup(t, dir)

	expectSnapshots(t, b, 2)
	b.checkReadData(t)
	expectRestored(t, b, dir)
	changeTree(t, dir)
	b.backup(t, dir)
	b.keepLastAndPrune(t, 1)
	b.checkReadData(t)

	expectSnapshots(t, a, 1)
	a.checkReadData(t)
	expectRestored(t, a, dir)
	changeTree(t, dir)
	a.backup(t, dir)
	a.keepLastAndPrune(t, 1)
	expectSnapshots(t, b, 1)
	b.checkReadData(t)
	expectRestored(t, b, dir)
}

func expectSnapshots(t *testing.T, e engine, want int) {
	t.Helper()
	if got := e.snapshots(t); got != want {
		t.Fatalf("%s sees %d snapshots, want %d", e.name(), got, want)
	}
}

func expectRestored(t *testing.T, e engine, dir string) {
	t.Helper()
	target := t.TempDir()
	e.restoreLatest(t, target)
	expectEqualTrees(t, dir, filepath.Join(target, dir))
}

// sourceTree has what trips programs up: several blobs in a file, empty files,
// odd names, links of both kinds.
func sourceTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i := range 20 {
		writeFile(t, filepath.Join(dir, "small", fmt.Sprintf("file %d + ü%%", i)), bytes.Repeat([]byte{byte(i)}, i*1000))
	}
	writeFile(t, filepath.Join(dir, "large"), randomBytes(9<<20))
	must(t, os.Symlink("large", filepath.Join(dir, "symlink")))
	must(t, os.Link(filepath.Join(dir, "large"), filepath.Join(dir, "hard link")))
	must(t, os.Chmod(filepath.Join(dir, "small"), 0o750))
	return dir
}

func changeTree(t *testing.T, dir string) {
	t.Helper()
	writeFile(t, filepath.Join(dir, "changed"), randomBytes(100<<10))
	f, err := os.OpenFile(filepath.Join(dir, "large"), os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	_, err = f.Write(randomBytes(64 << 10))
	must(t, err)
	must(t, f.Close())
}
