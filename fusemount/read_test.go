//go:build linux

package fusemount

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sys/unix"

	"github.com/cesnet/rwm/internal/harness/blobfake"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/restic"
)

// s3Repo makes a repository on an S3 server with a snapshot of files, and opens it
// through a transport that can fail.
func s3Repo(t *testing.T, files map[string][]byte, opts ...restic.Option) (s *restic.Session, server *s3test.Server, faults *s3test.Faults, root string) {
	t.Helper()
	needFUSE(t)
	server = s3test.Start(t)
	bucket := server.Bucket(t)
	faults = &s3test.Faults{}
	client := server.ClientVia(t, server.Admin, faults)
	if err := client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	src := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(src, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	opts = append([]restic.Option{restic.WithoutCache(), restic.WithRetryFor(0)}, opts...)
	s, err := restic.Init(t.Context(), restic.S3(client, bucket, ""), password, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	sn := backup(t, s, restic.BackupOptions{Paths: []string{src}})
	return s, server, faults, filepath.Join("ids", sn.ID.Short(), src)
}

// Closing does not wait for a storage that is silent while the snapshots are listed.
func TestClosedBeforeReady(t *testing.T) {
	t.Parallel()
	s, _, faults, _ := s3Repo(t, nil)
	faults.Inject(s3test.Fault{Method: "GET", Path: "/snapshots/", Kind: s3test.StallBody})
	defer faults.Clear()
	again, err := restic.Open(t.Context(), s.Location(), password, restic.WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	f, err := Mount(t.Context(), again, t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := f.Ready(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ready: %v", err)
	}
	closed := make(chan error, 1)
	go func() { closed <- errors.Join(f.Close(), again.Close()) }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("Close waits for the storage")
	}
}

func TestFailingStorage(t *testing.T) {
	for name, fault := range map[string]s3test.Fault{
		"refused":  {Kind: s3test.Status, Status: 403, Code: "AccessDenied"},
		"gone":     {Kind: s3test.Status, Status: 404, Code: "NoSuchKey"},
		"failing":  {Kind: s3test.Status, Status: 500, Code: "InternalError"},
		"reset":    {Kind: s3test.Reset},
		"cut off":  {Kind: s3test.Truncate},
		"stalling": {Kind: s3test.StallBody},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content := map[string][]byte{"a": random(1, 12<<20), "b": random(2, 12<<20)}
			s, _, faults, root := s3Repo(t, content)
			var log blobfake.Log
			f := mountRepo(t, s, Options{ReadTimeout: 3 * time.Second, Logger: log.Logger()})
			root = filepath.Join(f.Dir(), root)
			if _, err := os.ReadDir(root); err != nil {
				t.Fatal(err)
			}
			fault.Method, fault.Path = "GET", "/data/"
			faults.Inject(fault)
			if _, err := os.ReadFile(filepath.Join(root, "a")); !errors.Is(err, syscall.EIO) {
				t.Errorf("reading: %v", err)
			}
			faults.Clear()
			if !strings.Contains(log.String(), "blob=") || !strings.Contains(log.String(), "pack=") {
				t.Errorf("the log names no blob and pack:\n%s", log.String())
			}
			for name, want := range content {
				var got []byte
				var err error
				for range 50 { // what had been asked ahead may still fail
					if got, err = os.ReadFile(filepath.Join(root, name)); err == nil {
						break
					}
					time.Sleep(200 * time.Millisecond)
				}
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s afterwards: %d bytes, %v", name, len(got), err)
				}
			}
		})
	}
}

// TestDamage flips a bit in every pack: what is read is either right or an error.
func TestDamage(t *testing.T) {
	repo := filepath.Join(t.TempDir(), "repo")
	s, err := restic.Init(t.Context(), restic.Local(repo), password, restic.WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	src := t.TempDir()
	want := map[string][]byte{"big": random(1, 24<<20), "text": bytes.Repeat([]byte("some text, "), 1<<20)}
	for i := range 30 {
		want[fmt.Sprint("small", i)] = random(uint64(10+i), 3000)
	}
	for name, content := range want {
		if err := os.WriteFile(filepath.Join(src, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sn := backup(t, s, restic.BackupOptions{Paths: []string{src}})
	r, err := s.Reader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tree := r.Locations(restic.BlobHandle{Type: restic.BlobTree, ID: sn.Tree})[0].Pack.String()
	r.Close()
	damaged := 0
	err = filepath.WalkDir(filepath.Join(repo, "data"), func(path string, d iofs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == tree {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		raw[len(raw)/3] ^= 4
		damaged++
		_ = os.Chmod(path, 0o600)
		return os.WriteFile(path, raw, 0o600)
	})
	if err != nil || damaged == 0 {
		t.Fatal(damaged, err)
	}
	f := mountRepo(t, s, Options{})
	good, bad := 0, 0
	for name, content := range want {
		file, err := os.Open(filepath.Join(f.Dir(), "ids", sn.ID.Short(), src, name))
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(content); at += 64 << 10 {
			part := make([]byte, min(64<<10, len(content)-at))
			n, err := file.ReadAt(part, int64(at))
			if !bytes.Equal(part[:n], content[at:at+n]) {
				t.Fatalf("%s has wrong bytes at %d", name, at)
			}
			switch {
			case err == nil && n == len(part):
				good++
			case errors.Is(err, syscall.EIO):
				bad++
			default:
				t.Fatalf("%s at %d: %d bytes, %v", name, at, n, err)
			}
		}
		file.Close()
	}
	if good == 0 || bad == 0 {
		t.Errorf("%d parts could be read, %d could not", good, bad)
	}
}

func TestParallelAndRandomReads(t *testing.T) {
	s := newRepo(t)
	src := t.TempDir()
	content := map[string][]byte{"text": bytes.Repeat([]byte("0123456789"), 700_000)}
	for i := range 6 {
		content[fmt.Sprint("f", i)] = random(uint64(i), 5<<20+i*777)
	}
	for i := range 50 {
		content[fmt.Sprint("small", i)] = random(uint64(100+i), 10+i*i)
	}
	for name, c := range content {
		if err := os.WriteFile(filepath.Join(src, name), c, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sn := backup(t, s, restic.BackupOptions{Paths: []string{src}})
	f := mountRepo(t, s, Options{CacheSize: MinCacheSize}) // less than is read
	root := filepath.Join(f.Dir(), "ids", sn.ID.Short(), src)
	names := make([]string, 0, len(content))
	for name := range content {
		names = append(names, name)
	}
	var wg sync.WaitGroup
	for reader := range 12 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(3, uint64(reader)))
			for range 12 {
				name := names[r.IntN(len(names))]
				want := content[name]
				flags := os.O_RDONLY
				if reader%2 == 0 {
					flags |= unix.O_DIRECT // past the kernel's cache
				}
				file, err := os.OpenFile(filepath.Join(root, name), flags, 0)
				if err != nil {
					t.Error(err)
					return
				}
				if r.IntN(3) == 0 {
					got := sha256.New()
					if _, err := io.CopyBuffer(got, struct{ io.Reader }{file}, make([]byte, 1<<17)); err != nil || [32]byte(got.Sum(nil)) != sha256.Sum256(want) {
						t.Errorf("%s: %v or wrong", name, err)
					}
				}
				for range 20 {
					at := r.IntN(len(want))
					part := make([]byte, 1+r.IntN(200_000))
					n, err := file.ReadAt(part, int64(at))
					if err != nil && err != io.EOF || n != min(len(part), len(want)-at) || !bytes.Equal(part[:n], want[at:at+n]) {
						t.Errorf("%s at %d: %d of %d bytes, %v", name, at, n, len(part), err)
					}
				}
				file.Close()
			}
		})
	}
	wg.Wait()
}

func TestSignalsWhileReading(t *testing.T) {
	content := random(1, 20<<20)
	s, server, _, root := s3Repo(t, map[string][]byte{"file": content})
	server.SetLatency(t, 300*time.Millisecond)
	f := mountRepo(t, s, Options{})
	out, err := child(t, "read", filepath.Join(f.Dir(), root, "file")).CombinedOutput()
	if want := fmt.Sprintf("%d bytes %s\n", len(content), sumOf(content)); err != nil || string(out) != want {
		t.Errorf("%v: %s, not %s", err, out, want)
	}
}

// TestLargeDirectory lists 100,000 entries, whole and from the middle.
func TestLargeDirectory(t *testing.T) {
	needFUSE(t)
	const count = 100_000
	var text strings.Builder
	text.WriteString(`{"nodes":[`)
	for i := range count {
		if i > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, `{"name":"file%06d","type":"file","mode":420,"mtime":"2024-01-01T00:00:00Z","atime":"2024-01-01T00:00:00Z","ctime":"2024-01-01T00:00:00Z","uid":0,"gid":0,"inode":%d,"size":%d,"links":1,"content":null}`, i, i+1, i)
	}
	text.WriteString("]}\n")
	src := &fake{}
	tree := src.Add(1, restic.BlobTree, []byte(text.String()))[0].ID
	dir, _ := mountFake(t, src, tree)
	dir = filepath.Join(dir, "ids/00000000")
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != count {
		t.Fatalf("%d entries, %v", len(names), err)
	}
	for i, e := range names {
		if e.Name() != fmt.Sprintf("file%06d", i) {
			t.Fatalf("entry %d is %s", i, e.Name())
		}
	}
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, "file077777"), &st); err != nil || st.Size != 77777 {
		t.Errorf("%d bytes, %v", st.Size, err)
	}
	if err := unix.Stat(filepath.Join(dir, "file100000"), &st); err != unix.ENOENT {
		t.Error(err)
	}
	d, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if got, err := d.Readdirnames(70_000); err != nil || len(got) != 70_000 {
		t.Fatal(len(got), err)
	}
	if rest, err := d.Readdirnames(-1); err != nil || len(rest) != 30_000 || rest[0] != "file070000" {
		t.Errorf("%d more, %v", len(rest), err)
	}
}
