//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/cesnet/rwm/internal/harness/s3proc"
	"github.com/cesnet/rwm/restic"
)

// world is the server, the repositories and a place for files.
type world struct {
	settings
	dir   string
	s3    *s3proc.Server
	repos map[string]repository
	runs  int
}

type repository struct {
	bucket    string
	folder    string   // of the data in each snapshot
	snapshots []string // short IDs, oldest first
}

const (
	access   = "bench-access"
	secret   = "bench-secret"
	password = "bench"
)

func openWorld(s settings) (*world, error) {
	w := &world{settings: s, repos: map[string]repository{}}
	var err error
	if w.dir, err = os.MkdirTemp("", "rwm-mountbench-"); err != nil {
		return nil, err
	}
	// the server wants to know an admin and a host
	w.s3, err = s3proc.Start(s.server,
		s3proc.User{Name: "bench", Tenant: "bench", AccessKey: access, SecretKey: secret},
		s3proc.User{Name: "host", Tenant: "bench", AccessKey: "host-access", SecretKey: "host-secret"})
	return w, err
}

func (w *world) close() {
	w.s3.Close()
	_ = os.RemoveAll(w.dir)
}

func newClient(url string) (*minio.Client, error) {
	return minio.New(strings.TrimPrefix(url, "http://"), &minio.Options{
		Creds: credentials.NewStaticV4(access, secret, ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath,
	})
}

// repository returns the repository with some data, made at its first use without
// latency.
func (w *world) repository(ctx context.Context, name string) (repository, error) {
	if r, ok := w.repos[name]; ok {
		return r, w.s3.SetLatency(w.latency)
	}
	began := time.Now()
	if err := w.s3.SetLatency(0); err != nil {
		return repository{}, err
	}
	client, err := newClient(w.s3.URL)
	if err != nil {
		return repository{}, err
	}
	r := repository{bucket: "bench-" + name, folder: filepath.Join(w.dir, name)}
	if err := client.MakeBucket(ctx, r.bucket, minio.MakeBucketOptions{}); err != nil {
		return r, err
	}
	s, err := restic.Init(ctx, restic.S3(client, r.bucket, ""), password, restic.WithoutCache())
	if err != nil {
		return r, err
	}
	defer s.Close()
	err = w.data(name, r.folder, func() error {
		result, err := s.Backup(ctx, restic.BackupOptions{Paths: []string{r.folder}})
		if err == nil {
			r.snapshots = append(r.snapshots, result.SnapshotID.Short())
		}
		return err
	})
	if err != nil {
		return r, err
	}
	if err := os.RemoveAll(r.folder); err != nil {
		return r, err
	}
	w.repos[name] = r
	fmt.Fprintf(os.Stderr, "  repository %s made in %v\n", name, time.Since(began).Round(time.Second))
	return r, w.s3.SetLatency(w.latency)
}

// run mounts, works and unmounts.
func (w *world) run(ctx context.Context, r repository, load workload, start func(r repository, dir, cache string) *exec.Cmd) (sample, error) {
	w.runs++
	dir, cache := filepath.Join(w.dir, fmt.Sprintf("mnt%d", w.runs)), filepath.Join(w.dir, fmt.Sprintf("cache%d", w.runs))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return sample{}, err
	}
	defer os.RemoveAll(cache)
	cmd := start(r, dir, cache)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return sample{}, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		_ = syscall.Unmount(dir, syscall.MNT_DETACH)
		_ = os.Remove(dir)
	}()
	if err := waitReady(ctx, dir, ended); err != nil {
		return sample{}, fmt.Errorf("%w\n%s", err, output.Bytes())
	}
	if load.work != nil {
		var snapshots []string
		for _, id := range r.snapshots {
			snapshots = append(snapshots, filepath.Join(dir, "ids", id, r.folder))
		}
		if load.prep != nil {
			if err := load.prep(ctx, snapshots); err != nil {
				return sample{}, err
			}
		}
		began = time.Now()
		if err := load.work(ctx, snapshots); err != nil {
			return sample{}, fmt.Errorf("%w\n%s", err, output.Bytes())
		}
	}
	return sample{took: time.Since(began), resident: resident(cmd.Process.Pid)}, nil
}

// waitReady waits until the snapshots can be seen.
func waitReady(ctx context.Context, dir string, ended chan error) error {
	for range 6000 {
		if _, err := os.Stat(filepath.Join(dir, "ids")); err == nil {
			return nil
		}
		select {
		case err := <-ended:
			ended <- err
			return fmt.Errorf("the mount ended: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
	return errors.New("the mount does not get ready")
}

// resident is the largest resident size a process has had, in bytes.
func resident(pid int) int64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	var kib int64
	if _, after, ok := bytes.Cut(status, []byte("VmHWM:")); ok {
		_, _ = fmt.Sscan(string(after), &kib)
	}
	return kib << 10
}

func (w *world) startOurs(r repository, dir, cache string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", serveCommand, w.s3.URL, r.bucket, dir, cache, fmt.Sprint(w.cache))
	return cmd
}

func (w *world) startRestic(r repository, dir, cache string) *exec.Cmd {
	cmd := exec.Command(w.restic, "mount", dir)
	cmd.Env = append(os.Environ(), "RESTIC_REPOSITORY=s3:"+w.s3.URL+"/"+r.bucket, "RESTIC_PASSWORD="+password,
		"AWS_ACCESS_KEY_ID="+access, "AWS_SECRET_ACCESS_KEY="+secret, "RESTIC_CACHE_DIR="+cache)
	return cmd
}
