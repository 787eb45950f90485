package restic

import (
	"os"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/s3test"
	engbackend "github.com/restic/restic/rwmlink/backend"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

func s3ForTest(t *testing.T) (*s3Backend, *s3Location) {
	t.Helper()
	srv := s3test.Start(t)
	loc := newBucket(t, srv).(*s3Location)
	o, err := newOptions(nil)
	if err != nil {
		t.Fatal(err)
	}
	return newS3Backend(loc, &o), loc
}

// What arrives at the server and is not what its name says is not stored.
func TestUploadIsVerifiedByTheServer(t *testing.T) {
	be, _ := s3ForTest(t)
	h := engbackend.Handle{Type: engbackend.PackFile, Name: engrestic.Hash([]byte("as it was sealed")).String()}
	if err := be.Save(t.Context(), h, engbackend.NewByteReader([]byte("damaged on the way"), nil)); err == nil {
		t.Error("a damaged upload was accepted")
	}
	if _, err := be.Stat(t.Context(), h); !be.IsNotExist(err) {
		t.Error(err)
	}
}

// The server keeps the checksum, so that anybody can verify an object without reading
// it.
func TestChecksumIsKept(t *testing.T) {
	be, loc := s3ForTest(t)
	content := []byte("content")
	h := engbackend.Handle{Type: engbackend.SnapshotFile, Name: engrestic.Hash(content).String()}
	if err := be.Save(t.Context(), h, engbackend.NewByteReader(content, nil)); err != nil {
		t.Fatal(err)
	}
	info, err := loc.client.StatObject(t.Context(), loc.bucket, "snapshots/"+h.Name, minio.StatObjectOptions{Checksum: true})
	if err != nil {
		t.Fatal(err)
	}
	if info.ChecksumSHA256 == "" && os.Getenv("RWM_TEST_S3") != "" {
		harness.NotOnThisServer(t, "it keeps no checksums, as Ceph RGW 16 does not")
	}
	if info.ChecksumSHA256 != "7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=" {
		t.Errorf("checksum %q", info.ChecksumSHA256)
	}
}

// Objects that are not where the layout would put them are nobody's: listed, they would
// be looked for without success.
func TestMisplacedObjects(t *testing.T) {
	be, loc := s3ForTest(t)
	id := engrestic.Hash([]byte("x")).String()
	for _, key := range []string{"data/" + id, "data/zz/" + id, "data/" + id[:2] + "/deeper/" + id, "snapshots/deeper/" + id, "data/", "data/" + id[:2] + "/"} {
		if _, err := loc.client.PutObject(t.Context(), loc.bucket, key, strings.NewReader("x"), 1, minio.PutObjectOptions{}); err != nil {
			t.Fatal(key, err)
		}
	}
	for _, ft := range []engbackend.FileType{engbackend.PackFile, engbackend.SnapshotFile} {
		if err := be.List(t.Context(), ft, func(fi engbackend.FileInfo) error {
			t.Error(ft, "listed", fi.Name)
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
}
