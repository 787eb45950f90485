package rgw_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/lifecycle"
	"github.com/minio/minio-go/v7/pkg/signer"

	"github.com/cesnet/rwm/internal/harness/rgw"
	"github.com/cesnet/rwm/s3state"
)

// What a host could do on RGW beyond the policy, and what becomes of it in a bucket
// that storage-create has made. docs/providers.md has the same table.
func TestWhatAHostCanDoInAPolicedBucket(t *testing.T) {
	ctx := context.Background()
	adminUser := rgw.User{Tenant: "acme", Name: "admin", AccessKey: "AKADMIN", SecretKey: "admin-secret"}
	hostUser := rgw.User{Tenant: "acme", Name: "host", AccessKey: "AKHOST", SecretKey: "host-secret"}
	c := start(t, adminUser, hostUser)
	admin, host := client(t, c, adminUser), client(t, c, hostUser)
	const bucket = "backups"
	created, err := s3state.New(admin).Create(ctx, bucket, "host", s3state.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !created.Check.OK || !created.Check.VersionsDenied || !created.PublicAccessBlock {
		t.Errorf("%+v", created)
	}
	// A bucket of the Python program's has no public-access block: that is noted.
	notes := func() string {
		t.Helper()
		info, err := s3state.New(admin).Info(ctx, bucket, s3state.InfoOptions{})
		if err != nil || !info.Check.OK {
			t.Fatalf("%+v %v", info, err)
		}
		return strings.Join(info.Check.Notes, "\n")
	}
	if got := notes(); strings.Contains(got, "public") || !strings.Contains(got, "part by part") {
		t.Errorf("notes on a new bucket: %s", got)
	}
	policy, err := admin.GetBucketPolicy(ctx, bucket)
	if err != nil {
		t.Fatal(err)
	}
	plain, _, _ := strings.Cut(policy, `,{"Effect":"Deny"`)
	if err := admin.SetBucketPolicy(ctx, bucket, plain+"]}"); err != nil {
		t.Fatal(err)
	}
	if got := notes(); !strings.Contains(got, "`rwm storage-adopt BUCKET USER` denies it in the policy") {
		t.Errorf("notes on a bucket with the plain policy: %s", got)
	}
	if err := admin.SetBucketPolicy(ctx, bucket, policy); err != nil {
		t.Fatal(err)
	}
	block(t, c, adminUser, bucket, http.MethodDelete, "")
	if got := notes(); !strings.Contains(got, "public ACLs are not ignored") {
		t.Errorf("notes on an old bucket: %s", got)
	}
	block(t, c, adminUser, bucket, http.MethodPut, "<PublicAccessBlockConfiguration><IgnorePublicAcls>true</IgnorePublicAcls></PublicAccessBlockConfiguration>")

	old, err := host.PutObject(ctx, bucket, "k", strings.NewReader("old"), 3, minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := host.PutObject(ctx, bucket, "k", strings.NewReader("new"), 3, minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}

	read := func(c *minio.Client) error {
		o, err := c.GetObject(ctx, bucket, "k", minio.GetObjectOptions{VersionID: old.VersionID})
		if err == nil {
			_, err = io.ReadAll(o)
		}
		return err
	}
	copyVersion := func() error {
		_, err := host.CopyObject(ctx, minio.CopyDestOptions{Bucket: bucket, Object: "copy"}, minio.CopySrcOptions{Bucket: bucket, Object: "k", VersionID: old.VersionID})
		return err
	}
	until := time.Now().Add(24 * time.Hour)
	mode, hold := minio.Governance, minio.LegalHoldEnabled
	for what, err := range map[string]error{
		"read a version":     read(host),
		"copy a version":     copyVersion(),
		"delete a version":   host.RemoveObject(ctx, bucket, "k", minio.RemoveObjectOptions{VersionID: old.VersionID}),
		"suspend versioning": host.SuspendVersioning(ctx, bucket),
		"change the policy":  host.SetBucketPolicy(ctx, bucket, fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:*"],"Resource":["arn:aws:s3:::%s"]}]}`, bucket)),
		"set a lifecycle": host.SetBucketLifecycle(ctx, bucket, &lifecycle.Configuration{Rules: []lifecycle.Rule{{
			ID: "x", Status: "Enabled", NoncurrentVersionExpiration: lifecycle.NoncurrentVersionExpiration{NoncurrentDays: 1},
		}}}),
		"remove the bucket": host.RemoveBucket(ctx, bucket),
		"set a retention":   host.PutObjectRetention(ctx, bucket, "k", minio.PutObjectRetentionOptions{Mode: &mode, RetainUntilDate: &until}),
		"set a legal hold":  host.PutObjectLegalHold(ctx, bucket, "k", minio.PutObjectLegalHoldOptions{Status: &hold}),
	} {
		if err == nil {
			t.Errorf("the host may %s", what)
		}
	}

	// An ACL may be set, but does not open anything. The plain bucket shows that it
	// would without the public-access block.
	const open = "plain"
	if err := admin.MakeBucket(ctx, open, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	public := minio.PutObjectOptions{UserMetadata: map[string]string{"x-amz-acl": "public-read"}} // sent as that header
	for bucket, want := range map[string]int{bucket: http.StatusForbidden, open: http.StatusOK} {
		writer := host
		if bucket == open {
			writer = admin
		}
		if _, err := writer.PutObject(ctx, bucket, "public", strings.NewReader("x"), 1, public); err != nil {
			t.Fatal(err)
		}
		resp, err := http.Get(c.URL + "/acme:" + bucket + "/public")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close() //nolint:errcheck // only the status counts
		if resp.StatusCode != want {
			t.Errorf("%s: an object with a public ACL, without credentials: %s, want %d", bucket, resp.Status, want)
		}
	}

	// Known, and no policy changes it: who wrote an object may tag what it uploads and,
	// on Ceph 16, copy its versions as parts of an upload. storage-access finds it out.
	report, err := s3state.New(host).Access(ctx, bucket, s3state.AccessOptions{})
	if err != nil || !report.OK {
		t.Fatalf("%v %+v", err, report)
	}
	release, err := c.Version(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Results {
		want := r.Expected
		if r.Action == "tag an object at upload" || r.Action == "copy an old version" && release < 18 {
			want = s3state.Allowed // docs/providers.md says so
		}
		if r.Outcome != want {
			t.Errorf("%s: %s (%s)", r.Action, r.Outcome, r.Detail)
		}
	}
	if err := read(admin); err != nil {
		t.Errorf("the admin cannot read an old version: %v", err)
	}
}

// block sets or removes the public-access block of a bucket.
func block(t *testing.T, c *rgw.Cluster, u rgw.User, bucket, method, body string) {
	t.Helper()
	req, err := http.NewRequest(method, c.URL+"/"+bucket+"?publicAccessBlock=", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Amz-Content-Sha256", fmt.Sprintf("%x", sha256.Sum256([]byte(body))))
	resp, err := http.DefaultClient.Do(signer.SignV4(*req, u.AccessKey, u.SecretKey, "", "us-east-1"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close() //nolint:errcheck // only the status counts
	if resp.StatusCode >= 300 {
		t.Fatalf("%s publicAccessBlock: %s", method, resp.Status)
	}
}
