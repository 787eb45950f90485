package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/harness/s3proc"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// lab is the server, the binaries and a place for files.
type lab struct {
	rwm, server, restic string
	kopia               string // "" if it is not there
	files               int    // in the backups of many files
	dir                 string
	s3                  *s3proc.Server
	client              *minio.Client
	wrecks              map[int]*wreck // by size, made when first needed
	rebuilt, asked      int            // so far, for names
}

const (
	access   = "bench-access"
	secret   = "bench-secret"
	password = "bench"
)

func (l *lab) open() (err error) {
	if l.dir, err = os.MkdirTemp("", "rwm-bench-"); err != nil {
		return err
	}
	l.s3, err = s3proc.Start(l.server,
		s3proc.User{Name: "bench", Tenant: "bench", AccessKey: access, SecretKey: secret},
		s3proc.User{Name: "host", Tenant: "bench", AccessKey: "host-access", SecretKey: "host-secret"})
	if err != nil {
		return err
	}
	l.client, err = minio.New(strings.TrimPrefix(l.s3.URL, "http://"), &minio.Options{
		Creds: credentials.NewStaticV4(access, secret, ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath,
	})
	return err
}

func (l *lab) close() {
	if l.s3 != nil {
		l.s3.Close()
	}
	os.RemoveAll(l.dir)
}

func (l *lab) latency(d time.Duration) error { return l.s3.SetLatency(d) }

// repository is one bucket with an rwm.conf.
type repository struct{ bucket, conf string }

// configure writes a configuration for a bucket.
func (l *lab) configure(bucket, extra string) (repository, error) {
	r := repository{bucket, filepath.Join(l.dir, bucket+".conf")}
	conf := fmt.Sprintf("s3_endpoint_url: %q\ns3_access_key: %q\ns3_secret_key: %q\nrestic_bucket: %q\nrestic_password: %q\nlock_path: %q\n%s",
		l.s3.URL, access, secret, bucket, password, r.conf+".lock", extra)
	return r, os.WriteFile(r.conf, []byte(conf), 0o600)
}

// newBucket makes a versioned bucket and a configuration for it.
func (l *lab) newBucket(ctx context.Context, bucket, extra string) (repository, error) {
	r, err := l.configure(bucket, extra)
	if err != nil {
		return r, err
	}
	if err := l.client.MakeBucket(ctx, bucket, minio.MakeBucketOptions{}); err != nil {
		return r, err
	}
	return r, l.client.EnableVersioning(ctx, bucket)
}

// newRepository is newBucket with a repository in it, made by restic for both sides.
func (l *lab) newRepository(ctx context.Context, bucket, extra string) (repository, error) {
	r, err := l.newBucket(ctx, bucket, extra)
	if err != nil {
		return r, err
	}
	return r, l.runRestic(ctx, r, "init")
}

// dropBucket gives the server its memory back.
func (l *lab) dropBucket(ctx context.Context, r repository) {
	_ = l.runRwm(ctx, r, "storage-delete", r.bucket)
}

// bothQuiet: neither side spends time on printing.
func (l *lab) runRwm(ctx context.Context, r repository, args ...string) error {
	return run(l.rwmCommand(ctx, r, args...))
}

func (l *lab) rwmCommand(ctx context.Context, r repository, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, l.rwm, append([]string{"--config", r.conf, "--quiet"}, args...)...)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+filepath.Join(l.dir, "cache-rwm"))
	return cmd
}

func (l *lab) runRestic(ctx context.Context, r repository, args ...string) error {
	return run(l.resticCommand(ctx, r, args...))
}

func (l *lab) resticCommand(ctx context.Context, r repository, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, l.restic, append([]string{"--quiet"}, args...)...)
	cmd.Env = append(os.Environ(),
		"RESTIC_REPOSITORY=s3:"+l.s3.URL+"/"+r.bucket, "RESTIC_PASSWORD="+password,
		"AWS_ACCESS_KEY_ID="+access, "AWS_SECRET_ACCESS_KEY="+secret,
		"XDG_CACHE_HOME="+filepath.Join(l.dir, "cache-restic"))
	return cmd
}

func run(cmd *exec.Cmd) error {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, stderr.Bytes())
	}
	return nil
}

func writeRandom(path string, size int) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	buf := make([]byte, size)
	rand.Read(buf)
	return os.WriteFile(path, buf, 0o644)
}
