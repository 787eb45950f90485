package restic_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/cesnet/rwm/restic"
)

// A repository in a directory, a backup and what came of it.
func Example() {
	ctx := context.Background()
	tmp, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	source := filepath.Join(tmp, "source")
	if err := os.MkdirAll(source, 0o755); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(source, "letter.txt"), []byte("Dear reader"), 0o644); err != nil {
		log.Fatal(err)
	}

	s, err := restic.Init(ctx, restic.Local(filepath.Join(tmp, "repository")), "a long password", restic.WithoutCache())
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	result, err := s.Backup(ctx, restic.BackupOptions{Paths: []string{source}, Tags: []string{"letters"}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.FilesNew, "new file,", result.BytesProcessed, "bytes")

	snapshots, err := s.Snapshots(ctx, restic.SnapshotFilter{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(snapshots), "snapshot, tagged", snapshots[0].Tags)
	// Output:
	// 1 new file, 11 bytes
	// 1 snapshot, tagged [letters]
}

// A repository in a bucket, over a client that the rest of the program may use as well.
func ExampleOpen() {
	ctx := context.Background()
	client, err := minio.New("s3.example.org", &minio.Options{
		Creds:  credentials.NewStaticV4(os.Getenv("ACCESS_KEY"), os.Getenv("SECRET_KEY"), ""),
		Secure: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	s, err := restic.Open(ctx, restic.S3(client, "backups", ""), os.Getenv("REPOSITORY_PASSWORD"), restic.WithRetryLock(time.Minute))
	switch {
	case errors.Is(err, restic.ErrNoRepository):
		log.Fatal("make one with Init first: ", err)
	case errors.Is(err, restic.ErrWrongPassword):
		log.Fatal("check the password: ", err)
	case err != nil:
		log.Fatal(err)
	}
	defer func() { _ = s.Close() }()
}

// Progress comes as events, and files that could not be read make the error
// ErrIncomplete, with a snapshot of the rest.
func ExampleSession_Backup() {
	backup := func(ctx context.Context, s *restic.Session) error {
		result, err := s.Backup(ctx, restic.BackupOptions{
			Paths:         []string{"/home"},
			Excludes:      []string{"*.tmp", "/home/*/Downloads"},
			ExcludeCaches: true,
			OneFileSystem: true,
			OnEvent: func(ev restic.Event) {
				switch ev := ev.(type) {
				case restic.BackupStatus:
					fmt.Printf("%d of %d bytes\n", ev.BytesDone, ev.TotalBytes)
				case restic.BackupError:
					fmt.Println("cannot read", ev.Path, ev.Err)
				}
			},
		})
		if errors.Is(err, restic.ErrIncomplete) {
			fmt.Println("snapshot", result.SnapshotID.Short(), "lacks", result.ErrorCount, "files")
			return nil
		}
		return err
	}
	_ = backup
}
