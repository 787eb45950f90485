package s3dev_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cesnet/rwm/s3dev"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

func ExampleStart() {
	ctx := context.Background()
	user := s3dev.User{Name: "admin", Tenant: "acme", AccessKey: "admin-access", SecretKey: "admin-secret"}
	server, err := s3dev.Start(ctx, s3dev.Config{Users: []s3dev.User{user}})
	if err != nil {
		panic(err)
	}
	defer server.Close()
	server.Clock().Set(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))

	client, err := minio.New(strings.TrimPrefix(server.URL(), "http://"), &minio.Options{
		Creds: credentials.NewStaticV4(user.AccessKey, user.SecretKey, ""),
	})
	if err != nil {
		panic(err)
	}
	if err := client.MakeBucket(ctx, "backups", minio.MakeBucketOptions{}); err != nil {
		panic(err)
	}
	if _, err := client.PutObject(ctx, "backups", "hello", strings.NewReader("world"), 5, minio.PutObjectOptions{}); err != nil {
		panic(err)
	}
	info, err := client.StatObject(ctx, "backups", "hello", minio.StatObjectOptions{})
	fmt.Println(info.Size, info.LastModified.Year(), err)
	// Output: 5 2030 <nil>
}
