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

// world is the server, the binaries and a place for files.
type world struct {
	rwm, server, restic string
	kopia               string // "" if it is not there
	files               int    // in the backups of many files
	delay, cache        string // the only ones of reading; "" means all
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

func (w *world) open() (err error) {
	if w.dir, err = os.MkdirTemp("", "rwm-bench-"); err != nil {
		return err
	}
	w.s3, err = s3proc.Start(w.server,
		s3proc.User{Name: "bench", Tenant: "bench", AccessKey: access, SecretKey: secret},
		s3proc.User{Name: "host", Tenant: "bench", AccessKey: "host-access", SecretKey: "host-secret"})
	if err != nil {
		return err
	}
	w.client, err = minio.New(strings.TrimPrefix(w.s3.URL, "http://"), &minio.Options{
		Creds: credentials.NewStaticV4(access, secret, ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath,
	})
	return err
}

func (w *world) close() {
	if w.s3 != nil {
		w.s3.Close()
	}
	os.RemoveAll(w.dir)
}

func (w *world) latency(d time.Duration) error { return w.s3.SetLatency(d) }

// repository is one bucket with an rwm.conf.
type repository struct{ bucket, conf string }

// configure writes a configuration for a bucket.
func (w *world) configure(bucket, extra string) (repository, error) {
	r := repository{bucket, filepath.Join(w.dir, bucket+".conf")}
	conf := fmt.Sprintf("s3_endpoint_url: %q\ns3_access_key: %q\ns3_secret_key: %q\nrestic_bucket: %q\nrestic_password: %q\nlock_path: %q\n%s",
		w.s3.URL, access, secret, bucket, password, r.conf+".lock", extra)
	return r, os.WriteFile(r.conf, []byte(conf), 0o600)
}

// newBucket makes a versioned bucket and a configuration for it.
func (w *world) newBucket(ctx context.Context, bucket, extra string) (repository, error) {
	r, err := w.configure(bucket, extra)
	if err != nil {
		return r, err
	}
	if err := w.client.MakeBucket(ctx, bucket, minio.MakeBucketOptions{}); err != nil {
		return r, err
	}
	return r, w.client.EnableVersioning(ctx, bucket)
}

// newRepository is newBucket with a repository in it, made by restic for both sides.
func (w *world) newRepository(ctx context.Context, bucket, extra string) (repository, error) {
	r, err := w.newBucket(ctx, bucket, extra)
	if err != nil {
		return r, err
	}
	return r, w.runRestic(ctx, r, "init")
}

// dropBucket gives the server its memory back.
func (w *world) dropBucket(ctx context.Context, r repository) {
	_ = w.runRwm(ctx, r, "storage-delete", r.bucket)
}

// runRwm runs rwm with --quiet, as restic is run: neither spends time on printing.
func (w *world) runRwm(ctx context.Context, r repository, args ...string) error {
	return run(w.rwmCommand(ctx, r, args...))
}

func (w *world) rwmCommand(ctx context.Context, r repository, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, w.rwm, append([]string{"--config", r.conf, "--quiet"}, args...)...)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+filepath.Join(w.dir, "cache-rwm"), "RESTIC_FROM_PASSWORD="+password)
	return cmd
}

func (w *world) runRestic(ctx context.Context, r repository, args ...string) error {
	return run(w.resticCommand(ctx, r, args...))
}

func (w *world) resticCommand(ctx context.Context, r repository, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, w.restic, append([]string{"--quiet"}, args...)...)
	cmd.Env = append(os.Environ(),
		"RESTIC_REPOSITORY=s3:"+w.s3.URL+"/"+r.bucket, "RESTIC_PASSWORD="+password, "RESTIC_FROM_PASSWORD="+password,
		"AWS_ACCESS_KEY_ID="+access, "AWS_SECRET_ACCESS_KEY="+secret,
		"XDG_CACHE_HOME="+filepath.Join(w.dir, "cache-restic"))
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
