package cheapkeys_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/cheapkeys"
	"github.com/cesnet/rwm/internal/harness/resticcli"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/restic"
)

const password = "cheap"

// keysIn are the key files of a local repository.
func keysIn(t *testing.T, dir string) (keys []struct{ N, R, P int }) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "keys", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var key struct{ N, R, P int }
		if err := json.Unmarshal(raw, &key); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	return keys
}

func TestOursAreCheap(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "repo")
	s, err := restic.Init(t.Context(), restic.Local(dir), password, restic.WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if keys := keysIn(t, dir); len(keys) != 1 || keys[0].N > 1024 {
		t.Errorf("%+v", keys)
	}
}

func TestLocal(t *testing.T) {
	cli := resticcli.Current(t)
	dir := filepath.Join(t.TempDir(), "repo")
	repo := resticcli.Repo{URL: dir, Password: password}
	cli.MustRun(t, repo, "init")
	master := cli.MustRun(t, repo, "cat", "masterkey").Stdout
	cheapkeys.Local(t, dir, password)
	if keys := keysIn(t, dir); len(keys) != 1 || keys[0].N != 2 {
		t.Errorf("%+v", keys)
	}
	if now := cli.MustRun(t, repo, "cat", "masterkey").Stdout; !bytes.Equal(master, now) {
		t.Error("the master key is another one")
	}
	repo.Password = "another"
	if res := cli.Run(t, repo, "cat", "masterkey"); res.Code != 12 {
		t.Errorf("a wrong password: exit code %d", res.Code)
	}
}

func TestBucket(t *testing.T) {
	cli := resticcli.Current(t)
	server := s3test.Shared(t)
	client, bucket := server.Client(t, server.Admin), server.Bucket(t)
	if err := client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	repo := resticcli.Repo{
		URL: "s3:" + server.URL + "/" + bucket, Password: password,
		AccessKey: server.Admin.AccessKey, SecretKey: server.Admin.SecretKey,
	}
	cli.MustRun(t, repo, "init")
	cheapkeys.Bucket(t, client, bucket, password)
	cli.MustRun(t, repo, "check")
	if keys := bytes.Fields(cli.MustRun(t, repo, "list", "keys", "--no-lock").Stdout); len(keys) != 1 {
		t.Errorf("%q", keys)
	}
}
