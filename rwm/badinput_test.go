package rwm_test

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

// Each of these must be one clear error, before any hook has run and with nothing
// changed anywhere.
func TestBadInputChangesNothing(t *testing.T) {
	w := newWorld(t).policed()
	good := *w.config
	good.Backups = map[string]rwm.Backup{"home": {FilesDirs: []string{w.files}, PreRun: []string{"touch " + w.dir + "/hook-ran"}}}
	plain, empty := w.Bucket(t), w.Bucket(t)
	if err := w.Client(t, w.Host).MakeBucket(t.Context(), plain, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	w.config.ResticBucket = plain
	w.initialised()
	w.config.ResticBucket = empty
	w.bucket()

	for _, test := range []struct {
		name   string
		change func(cfg *rwm.Config)
		backup string
		is     error
		code   int
		text   string
	}{
		{"unknown backup", nil, "hame", rwm.ErrUnknownBackup, 2, `"hame"; did you mean home?`},
		{"no bucket configured", func(c *rwm.Config) { c.ResticBucket = "" }, "home", rwm.ErrConfig, 2, "restic_bucket"},
		{"no password configured", func(c *rwm.Config) { c.ResticPassword = "" }, "home", rwm.ErrConfig, 2, "restic_password"},
		{"wrong password", func(c *rwm.Config) { c.ResticPassword = "wrong" }, "home", restic.ErrWrongPassword, 12, good.ResticBucket},
		{"bucket not there", func(c *rwm.Config) { c.ResticBucket = "not-there" }, "home", restic.ErrNoBucket, 10, "not-there"},
		{"no repository", func(c *rwm.Config) { c.ResticBucket = empty }, "home", restic.ErrNoRepository, 10, empty},
		{"bucket without versioning", func(c *rwm.Config) { c.ResticBucket, c.RequireVersioning = plain, true }, "home", s3state.ErrNotVersioned, 1, plain},
		{"wrong secret", func(c *rwm.Config) { c.S3SecretKey = "wrong" }, "home", restic.ErrAccessDenied, 1, good.ResticBucket},
		{"unknown access key", func(c *rwm.Config) { c.S3AccessKey = "wrong" }, "home", restic.ErrAccessDenied, 1, good.ResticBucket},
		{"nobody listens", func(c *rwm.Config) { c.S3EndpointURL = "http://" + closedPort(t) }, "home", restic.ErrUnreachable, 1, "127.0.0.1"},
		{"no such host", func(c *rwm.Config) { c.S3EndpointURL = "http://s3.invalid" }, "home", restic.ErrUnreachable, 1, "s3.invalid"},
		{"lock that cannot be made", func(c *rwm.Config) { c.LockPath = w.dir + "/no/such/dir/lock" }, "home", os.ErrNotExist, 1, "lock_path"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := good
			if test.change != nil {
				test.change(&cfg)
			}
			w.config = &cfg
			w.ResetRequests(t)
			report, err := w.manager().Backup(t.Context(), test.backup)
			if report != nil || !errors.Is(err, test.is) {
				t.Fatalf("report %s, error %v, want %v", table(report), err, test.is)
			}
			if !strings.Contains(err.Error(), test.text) {
				t.Errorf("error %q does not name %q", err, test.text)
			}
			if got := rwm.ExitCode(err); got != test.code {
				t.Errorf("exit code %d, want %d", got, test.code)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has several lines: %v", err)
			}
			if wrote := w.writes(); len(wrote) > 0 {
				t.Errorf("something was written: %q", wrote)
			}
			if w.exists("hook-ran") {
				t.Error("a hook was run")
			}
		})
	}
	// None of them may leave the lock held.
	good.Backups = map[string]rwm.Backup{"home": {FilesDirs: []string{w.files}}}
	w.config = &good
	if report, err := w.manager().Backup(t.Context(), "home"); err != nil {
		t.Errorf("afterwards: %s, %v", table(report), err)
	}
}

func TestUnknownBackupLeavesLockAlone(t *testing.T) {
	cfg := &rwm.Config{
		S3EndpointURL: "http://s3.invalid", S3AccessKey: "a", S3SecretKey: "b",
		LockPath: t.TempDir() + "/rwm.lock",
		Backups:  map[string]rwm.Backup{"home": {FilesDirs: []string{"/home"}}},
	}
	m, err := rwm.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, names := range [][]string{{"home", "nope"}, {}, {""}} {
		if _, err := m.Backup(t.Context(), names...); !errors.Is(err, rwm.ErrUnknownBackup) {
			t.Errorf("%q: error %v", names, err)
		}
	}
	if _, err := os.Stat(cfg.LockPath); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the lock file was touched: %v", err)
	}
}

func TestBackupAllWithoutBackups(t *testing.T) {
	m, err := rwm.New(&rwm.Config{S3EndpointURL: "http://s3.invalid", S3AccessKey: "a", S3SecretKey: "b"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.BackupAll(t.Context()); !errors.Is(err, rwm.ErrConfig) {
		t.Errorf("error %v", err)
	}
}

func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
