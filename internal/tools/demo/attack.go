package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/lifecycle"
	"golang.org/x/sync/errgroup"
)

// attacker has the backed-up host: the credentials of its rwm.conf
// and a plain S3 client are all there is.
type attacker struct {
	client *minio.Client
	bucket string
}

func newAttacker(endpoint, access, secret, bucket string) (*attacker, error) {
	client, err := minio.New(strings.TrimPrefix(endpoint, "http://"), &minio.Options{
		Creds: credentials.NewStaticV4(access, secret, ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath,
	})
	return &attacker{client: client, bucket: bucket}, err
}

// destroy overwrites every object with rubbish and then deletes it: all that a
// host which may write and delete can do to the data.
func (a *attacker) destroy(ctx context.Context) (int, error) {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	n := 0
	for obj := range a.client.ListObjectsIter(ctx, a.bucket, minio.ListObjectsOptions{Recursive: true}) {
		if obj.Err != nil {
			return n, obj.Err
		}
		n++
		g.Go(func() error {
			rubbish := []byte("your files are ours now")
			_, err := a.client.PutObject(gctx, a.bucket, obj.Key, bytes.NewReader(rubbish), int64(len(rubbish)), minio.PutObjectOptions{})
			if err != nil {
				return err
			}
			return a.client.RemoveObject(gctx, a.bucket, obj.Key, minio.RemoveObjectOptions{})
		})
	}
	return n, g.Wait()
}

// attempt is one thing the policed bucket has to refuse.
type attempt struct {
	what string
	do   func(context.Context) error
}

func (a *attacker) attempts() []attempt {
	return []attempt{
		{"delete an old version for good", a.deleteVersion},
		{"suspend versioning", func(ctx context.Context) error { return a.client.SuspendVersioning(ctx, a.bucket) }},
		{"replace the bucket policy", func(ctx context.Context) error {
			return a.client.SetBucketPolicy(ctx, a.bucket, fmt.Sprintf(
				`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::%[1]s","arn:aws:s3:::%[1]s/*"]}]}`, a.bucket))
		}},
		{"remove the bucket policy", func(ctx context.Context) error { return a.client.SetBucketPolicy(ctx, a.bucket, "") }},
		{"let a lifecycle rule expire old versions", func(ctx context.Context) error {
			rules := lifecycle.NewConfiguration()
			rules.Rules = []lifecycle.Rule{{
				ID: "gone", Status: "Enabled",
				NoncurrentVersionExpiration: lifecycle.NoncurrentVersionExpiration{NoncurrentDays: 1},
			}}
			return a.client.SetBucketLifecycle(ctx, a.bucket, rules)
		}},
		{"delete the bucket", func(ctx context.Context) error { return a.client.RemoveBucket(ctx, a.bucket) }},
	}
}

func (a *attacker) deleteVersion(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for v := range a.client.ListObjectsIter(ctx, a.bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true, Prefix: "data/"}) {
		if v.Err != nil {
			return v.Err
		}
		if v.IsDeleteMarker || v.IsLatest {
			continue
		}
		return a.client.RemoveObject(ctx, a.bucket, v.Key, minio.RemoveObjectOptions{VersionID: v.VersionID})
	}
	return fmt.Errorf("no old version was found to try on")
}

// refused says whether the server answered "no", and not something else.
func refused(err error) bool {
	return err != nil && minio.ToErrorResponse(err).Code == minio.AccessDenied
}
