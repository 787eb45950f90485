package rgw_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/rgw"
)

// otherRoot is that of another system's Ceph, on which `make test-servers` runs these
// tests; "" stands for this system's.
func otherRoot() string { return os.Getenv("RWM_TEST_CEPH_ROOT") }

func needCeph(t *testing.T) {
	t.Helper()
	harness.NotShort(t)
	if otherRoot() != "" {
		return
	}
	if missing := rgw.Missing(); len(missing) > 0 {
		harness.NotInstalled(t, fmt.Sprintf("ceph is not installed (make rgw-packages): %v", missing))
	}
}

// clusterDir is a directory for a cluster, which has to be below the other root.
func clusterDir(t *testing.T) string {
	t.Helper()
	if otherRoot() == "" {
		return filepath.Join(t.TempDir(), "ceph")
	}
	dir, err := os.MkdirTemp(filepath.Join(otherRoot(), "tmp"), "rgw-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(dir, "ceph")
}

func start(t *testing.T, users ...rgw.User) *rgw.Cluster {
	t.Helper()
	return startWith(t, rgw.Options{}, users...)
}

func startWith(t *testing.T, opts rgw.Options, users ...rgw.User) *rgw.Cluster {
	t.Helper()
	needCeph(t)
	opts.Root = otherRoot()
	c, err := rgw.StartWith(context.Background(), clusterDir(t), opts, users...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func client(t *testing.T, c *rgw.Cluster, u rgw.User) *minio.Client {
	t.Helper()
	client, err := minio.New(strings.TrimPrefix(c.URL, "http://"), &minio.Options{
		Creds:        credentials.NewStaticV4(u.AccessKey, u.SecretKey, ""),
		Region:       "us-east-1",
		BucketLookup: minio.BucketLookupPath,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// The users are of one tenant, and a policy that names one of them by its ARN works:
// what everything else that is tested on this gateway builds on.
func TestUsersOfATenant(t *testing.T) {
	ctx := context.Background()
	admin := rgw.User{Tenant: "acme", Name: "admin", AccessKey: "AKADMIN", SecretKey: "admin-secret"}
	host := rgw.User{Tenant: "acme", Name: "host", AccessKey: "AKHOST", SecretKey: "host-secret"}
	c := start(t, admin, host)

	owner := client(t, c, admin)
	if err := owner.MakeBucket(ctx, "bucket", minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	list := func() error {
		for o := range client(t, c, host).ListObjects(ctx, "bucket", minio.ListObjectsOptions{}) {
			return o.Err
		}
		return nil
	}
	if err := list(); minio.ToErrorResponse(err).Code != "AccessDenied" {
		t.Errorf("a stranger lists the bucket: %v", err)
	}
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::acme:user/host"]},
		"Action":["s3:ListBucket"],"Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]}]}`
	if err := owner.SetBucketPolicy(ctx, "bucket", policy); err != nil {
		t.Fatal(err)
	}
	if err := list(); err != nil {
		t.Errorf("the user named in the policy: %v", err)
	}
}

func TestStartRefusesADirectoryInUse(t *testing.T) {
	needCeph(t)
	dir := t.TempDir()
	kept := filepath.Join(dir, "kept")
	if err := os.WriteFile(kept, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := rgw.Start(context.Background(), dir); err == nil {
		t.Error("started in a directory with something in it")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory was touched: %v %v", entries, err)
	}
}
