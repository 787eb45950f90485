package restic

import (
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/cesnet/rwm/internal/harness/s3test"
	engbackend "github.com/restic/restic/rwmlink/backend"
)

// clientFor returns a client that does not retry by itself, as a caller may configure
// it.
func clientFor(t testing.TB, endpoint string, id s3test.Identity, maxRetries int) *minio.Client {
	t.Helper()
	client, err := minio.New(strings.TrimPrefix(endpoint, "http://"), &minio.Options{
		Creds: credentials.NewStaticV4(id.AccessKey, id.SecretKey, ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath, MaxRetries: maxRetries,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestBadPlaces: each wrong detail is one clear error that can be told apart, and is
// not retried. A retry would take 5 minutes here.
func TestBadPlaces(t *testing.T) {
	srv := s3test.Start(t)
	good := newBucket(t, srv).(*s3Location)
	s, err := Init(t.Context(), good, testPassword, WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wrongSecret, wrongKey := srv.Admin, srv.Admin
	wrongSecret.SecretKey, wrongKey.AccessKey = "wrongwrongwrong", "AKWRONGWRONGWRONG"
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + listener.Addr().String()
	_ = listener.Close()

	tests := map[string]struct {
		loc      Location
		password string
		want     []error
		code     int
	}{
		"no such bucket":      {S3(good.client, "nosuchbucket", ""), testPassword, []error{ErrNoBucket, ErrNoRepository}, 10},
		"empty prefix":        {S3(good.client, good.bucket, "other"), testPassword, []error{ErrNoRepository}, 10},
		"wrong password":      {good, "wrong", []error{ErrWrongPassword}, 12},
		"wrong secret":        {S3(clientFor(t, srv.URL, wrongSecret, 1), good.bucket, ""), testPassword, []error{ErrAccessDenied}, 1},
		"unknown access key":  {S3(clientFor(t, srv.URL, wrongKey, 1), good.bucket, ""), testPassword, []error{ErrAccessDenied}, 1},
		"another user":        {S3(srv.Client(t, srv.Host), good.bucket, ""), testPassword, []error{ErrAccessDenied}, 1},
		"connection refused":  {S3(clientFor(t, closed, srv.Admin, 1), good.bucket, ""), testPassword, []error{ErrUnreachable}, 1},
		"no such host":        {S3(clientFor(t, "http://no-such-host.invalid", srv.Admin, 1), good.bucket, ""), testPassword, []error{ErrUnreachable}, 1},
		"bad bucket name":     {S3(good.client, "X", ""), testPassword, nil, 1},
		"no bucket given":     {S3(good.client, "", ""), testPassword, nil, 1},
		"no client":           {S3(nil, "bucket", ""), testPassword, nil, 1},
		"no such directory":   {Local(filepath.Join(t.TempDir(), "nothing")), testPassword, []error{ErrNoRepository}, 10},
		"no directory given":  {Local(""), testPassword, nil, 1},
		"file as a directory": {Local(filepath.Join(writeTree(t, map[string]string{"f": "x"}), "f")), testPassword, nil, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), test.loc, test.password, WithoutCache())
			if err == nil {
				t.Fatal("opened")
			}
			for _, want := range test.want {
				if !errors.Is(err, want) {
					t.Errorf("not %q: %v", want, err)
				}
			}
			if ExitCode(err) != test.code {
				t.Errorf("exit code %d: %v", ExitCode(err), err)
			}
			if strings.Contains(err.Error(), srv.Admin.SecretKey) || strings.Contains(err.Error(), test.password) && test.password != "wrong" {
				t.Error("a secret in the error:", err)
			}
			t.Log(err)
		})
	}
}

func TestInitRefusesWhatIsThere(t *testing.T) {
	_, m := initMemory(t)
	before := len(m.names(t, engbackend.KeyFile))
	if _, err := Init(t.Context(), m, "another", WithoutCache()); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
	if err := m.Backend.Remove(t.Context(), engbackend.Handle{Type: engbackend.ConfigFile}); err != nil {
		t.Fatal(err)
	}
	if _, err := Init(t.Context(), m, "another", WithoutCache()); !errors.Is(err, ErrExists) {
		t.Error("only the config is gone:", err)
	}
	if len(m.names(t, engbackend.KeyFile)) != before {
		t.Error("a key was added")
	}
	_, loc := initLocal(t)
	if _, err := Init(t.Context(), loc, "another"); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
}

func TestOpenWithoutKeys(t *testing.T) {
	_, m := initMemory(t)
	key := m.names(t, engbackend.KeyFile)[0]
	if err := m.Backend.Remove(t.Context(), engbackend.Handle{Type: engbackend.KeyFile, Name: key}); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), m, testPassword, WithoutCache()); !errors.Is(err, ErrDamaged) || errors.Is(err, ErrNoRepository) {
		t.Error(err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, opt := range map[string]Option{
		"connections":   WithConnections(0),
		"small pack":    WithPackSize(1),
		"large pack":    WithPackSize(1 << 30),
		"compression":   WithCompression(99),
		"version":       WithRepositoryVersion(3),
		"limits":        WithLimits(-1, 0),
		"stall timeout": WithStallTimeout(0),
		"retry":         WithRetryFor(-time.Second),
	} {
		m := newMemory()
		if s, err := Init(t.Context(), m, testPassword, opt); err == nil {
			_ = s.Close()
			t.Error(name, "was accepted")
		}
		if n := len(m.names(t, engbackend.KeyFile)); n > 0 {
			t.Error(name, "something was written")
		}
	}
}

func TestReadOnlySession(t *testing.T) {
	s, m := initMemory(t)
	dir := writeTree(t, map[string]string{"a": "x"})
	mustBackup(t, s, dir)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	m.before(func(op string, h engbackend.Handle) error {
		if op == "save" || op == "remove" {
			t.Errorf("%s %v", op, h)
		}
		return nil
	})
	s, err := Open(t.Context(), m, testPassword, WithoutCache(), WithoutLock())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Snapshots(t.Context(), SnapshotFilter{}); err != nil {
		t.Error(err)
	}
	if _, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}}); !errors.Is(err, ErrReadOnly) {
		t.Error(err)
	}
	if res, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}, DryRun: true}); err != nil || res.FilesUnmodified != 1 {
		t.Errorf("%+v %v", res, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
