package s3dev_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/s3dev"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/signer"
)

var (
	adminUser = s3dev.User{Name: "admin", Tenant: "acme", AccessKey: "admin-access", SecretKey: "admin-secret"}
	hostUser  = s3dev.User{Name: "host", Tenant: "acme", AccessKey: "host-access", SecretKey: "host-secret"}
	otherUser = s3dev.User{Name: "other", Tenant: "acme", AccessKey: "other-access", SecretKey: "other-secret"}
)

type world struct {
	*s3dev.Server
	t testing.TB
}

func start(t testing.TB, change ...func(*s3dev.Config)) *world {
	t.Helper()
	cfg := s3dev.Config{Users: []s3dev.User{adminUser, hostUser, otherUser}}
	for _, fn := range change {
		fn(&cfg)
	}
	s, err := s3dev.Start(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return &world{s, t}
}

func (e *world) client(u s3dev.User) *minio.Core {
	e.t.Helper()
	tr := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	e.t.Cleanup(tr.CloseIdleConnections)
	c, err := minio.NewCore(strings.TrimPrefix(e.URL(), "http://"), &minio.Options{
		Creds:        credentials.NewStaticV4(u.AccessKey, u.SecretKey, ""),
		Transport:    tr,
		Region:       "us-east-1",
		BucketLookup: minio.BucketLookupPath,
		MaxRetries:   1,
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return c
}

// bucket makes a bucket of the admin's, versioned if asked to.
func (e *world) bucket(name string, versioned bool) *minio.Core {
	e.t.Helper()
	c := e.client(adminUser)
	e.ok(c.MakeBucket(e.t.Context(), name, minio.MakeBucketOptions{}))
	if versioned {
		e.ok(c.EnableVersioning(e.t.Context(), name))
	}
	return c
}

func (e *world) ok(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatalf("%v (%+v)", err, minio.ToErrorResponse(err))
	}
}

// put stores text and returns its version ID.
func (e *world) put(c *minio.Core, bucket, key, text string) string {
	e.t.Helper()
	info, err := c.Client.PutObject(e.t.Context(), bucket, key, strings.NewReader(text), int64(len(text)), minio.PutObjectOptions{})
	e.ok(err)
	return info.VersionID
}

func (e *world) get(c *minio.Core, bucket, key, version string) (string, error) {
	e.t.Helper()
	o, err := c.Client.GetObject(e.t.Context(), bucket, key, minio.GetObjectOptions{VersionID: version})
	e.ok(err)
	defer o.Close()
	data, err := io.ReadAll(o)
	return string(data), err
}

// code is the S3 error code of an error, "" for none.
func code(err error) string {
	if err == nil {
		return ""
	}
	var resp minio.ErrorResponse
	if errors.As(err, &resp) {
		return resp.Code
	}
	return err.Error()
}

// raw sends a signed request; path and query are sent as they stand. A nil
// user leaves it unsigned.
func (e *world) raw(u *s3dev.User, method, path, query string, body []byte, header ...string) (*http.Response, []byte) {
	e.t.Helper()
	resp, data, err := e.try(u, method, path, query, body, header...)
	if err != nil {
		e.t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp, data
}

func (e *world) try(u *s3dev.User, method, path, query string, body []byte, header ...string) (*http.Response, []byte, error) {
	target := &url.URL{Scheme: "http", Host: strings.TrimPrefix(e.URL(), "http://"), Opaque: "", Path: mustUnescape(path), RawPath: path, RawQuery: query}
	req, err := http.NewRequestWithContext(e.t.Context(), method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	if u != nil {
		req.Header.Set("X-Amz-Content-Sha256", sha256Hex(body))
		req = signer.SignV4(*req, u.AccessKey, u.SecretKey, "", "us-east-1")
	}
	ctx, cancel := context.WithTimeout(req.Context(), 20*time.Second)
	defer cancel()
	resp, err := http.DefaultClient.Do(req.WithContext(ctx))
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp, data, err
}

func mustUnescape(path string) string {
	plain, err := url.PathUnescape(path)
	if err != nil {
		panic(err)
	}
	return plain
}

// police puts the two-statement policy of a policed bucket.
func (e *world) police(bucket string) {
	e.t.Helper()
	e.ok(e.client(adminUser).SetBucketPolicy(e.t.Context(), bucket, policy(bucket)))
}

func policy(bucket string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
	 {"Effect":"Allow","Principal":{"AWS":["%[2]s"]},"Action":["*"],"Resource":["arn:aws:s3:::%[1]s","arn:aws:s3:::%[1]s/*"]},
	 {"Effect":"Allow","Principal":{"AWS":["%[3]s"]},"Action":["s3:ListBucket","s3:GetObject","s3:PutObject","s3:DeleteObject",
	  "s3:GetBucketAcl","s3:GetBucketPolicy","s3:ListBucketVersions","s3:GetBucketVersioning"],
	  "Resource":["arn:aws:s3:::%[1]s","arn:aws:s3:::%[1]s/*"]}]}`, bucket, adminUser.ARN(), hostUser.ARN())
}
