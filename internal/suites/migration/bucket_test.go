package migration_test

import (
	"io"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/fixtures"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/s3state"
)

// oldBucket is a policed bucket as the Python RWM made it, with some history in it that
// the host wrote.
type oldBucket struct {
	*s3test.Server
	name        string
	admin, host *minio.Client
	store       *s3state.Store
}

func newOldBucket(t *testing.T) *oldBucket {
	t.Helper()
	s := s3test.Start(t)
	b := &oldBucket{Server: s, name: s.Bucket(t), admin: s.Client(t, s.Admin), host: s.Client(t, s.Host)}
	b.store = s3state.New(b.admin)
	ctx := t.Context()
	for _, err := range []error{
		b.admin.MakeBucket(ctx, b.name, minio.MakeBucketOptions{}),
		b.admin.EnableVersioning(ctx, b.name),
		b.admin.SetBucketPolicy(ctx, b.name, fixtures.Policy(b.name, s.Admin.ARN(), s.Host.ARN())),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"config", "data/ab/abcd", "kept+ünïcode \"☃\"", "deleted", "overwritten"} {
		b.put(t, key, "first "+key)
	}
	b.put(t, "overwritten", "second overwritten")
	if err := b.host.RemoveObject(ctx, b.name, "deleted", minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *oldBucket) put(t *testing.T, key, content string) (version string) {
	t.Helper()
	info, err := b.host.PutObject(t.Context(), b.name, key, strings.NewReader(content), int64(len(content)), minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return info.VersionID
}

func (b *oldBucket) content(t *testing.T, bucket, key string) string {
	t.Helper()
	o, err := b.admin.GetObject(t.Context(), bucket, key, minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(o)
	if err != nil && minio.ToErrorResponse(err).Code != "NoSuchKey" {
		t.Fatal(err)
	}
	return string(text)
}

// destroy overwrites and deletes everything with the host's credentials.
func (b *oldBucket) destroy(t *testing.T) {
	t.Helper()
	for o := range b.host.ListObjects(t.Context(), b.name, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		b.put(t, o.Key, "rubbish")
		if err := b.host.RemoveObject(t.Context(), b.name, o.Key, minio.RemoveObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBucketsAreJudgedOK(t *testing.T) {
	b := newOldBucket(t)
	info, err := b.store.Info(t.Context(), b.name, s3state.InfoOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !info.Check.OK || info.Check.TargetUser() != b.Host.Name {
		t.Errorf("%+v", info.Check)
	}
	list, err := b.store.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range list {
		if l.Name == b.name && l.Check.OK {
			return
		}
	}
	t.Errorf("not OK in the list: %+v", list)
}
