package rcc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/rcc"
)

// rclone ends its process, so the tests run rcc in one of its own: this test program,
// started again with the configuration on its standard input, as little visible to
// others as in `rwm rcc`.
func TestMain(m *testing.M) {
	if os.Getenv("RCC_TEST_CHILD") == "" {
		os.Exit(m.Run())
	}
	os.Unsetenv("RCC_TEST_CHILD") //nolint:errcheck // it is set
	var c rcc.Config
	if err := json.NewDecoder(os.Stdin).Decode(&c); err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(99)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := rcc.Run(ctx, c, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "refused:", err)
		os.Exit(98)
	}
}

// refused is the exit code of the child when Run returned an error.
const refused = 98

type world struct {
	config rcc.Config
	admin  *minio.Client
	home   string
}

// newWorld is an S3 server with a bucket for the encrypted files, and an empty home.
func newWorld(t *testing.T) *world {
	t.Helper()
	s := s3test.Start(t)
	w := &world{
		config: rcc.Config{
			Endpoint: s.URL, AccessKey: s.Admin.AccessKey, SecretKey: s.Admin.SecretKey,
			Bucket: s.Bucket(t), Password: "a password with ümlauts",
		},
		admin: s.Client(t, s.Admin),
		home:  t.TempDir(),
	}
	if err := w.admin.MakeBucket(t.Context(), w.config.Bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return w
}

type output struct {
	code           int
	stdout, stderr string
}

func (o output) String() string {
	return fmt.Sprintf("exit code %d\n%s\n%s", o.code, o.stdout, o.stderr)
}

// command is the child; nothing of the user's reaches it.
func (w *world) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	config, err := json.Marshal(w.config)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = []string{"RCC_TEST_CHILD=1", "HOME=" + w.home, "PATH=" + os.Getenv("PATH")}
	cmd.Stdin = bytes.NewReader(config)
	return cmd
}

func run(t *testing.T, cmd *exec.Cmd) output {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return output{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// rcc runs a command that has to succeed and returns its standard output.
func (w *world) rcc(t *testing.T, args ...string) string {
	t.Helper()
	o := run(t, w.command(t, args...))
	if o.code != 0 {
		t.Fatalf("rcc %s: %v", strings.Join(args, " "), o)
	}
	return o.stdout
}

// keys lists the objects of the bucket.
func (w *world) keys(t *testing.T) (keys []string) {
	t.Helper()
	for o := range w.admin.ListObjects(t.Context(), w.config.Bucket, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		keys = append(keys, o.Key)
	}
	return keys
}

// files are what the tests copy: names and sizes at the edges of rclone's blocks of
// 64 KiB, and of names.
func writeFiles(t *testing.T, dir string) {
	t.Helper()
	for name, size := range map[string]int{
		"empty": 0, "one": 1, "block": 64 << 10, "more": 64<<10 + 1, "many": 1<<20 + 7,
		"dir/with space": 10, "dir/ünïcode ☃": 10, "dir/deep/er/file": 10, "a+b%20=&?#": 10,
		strings.Repeat("n", 130): 10,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, bytes.Repeat([]byte(name[:1]), size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// tree reads a directory: the content of each file by its name.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func sameTree(t *testing.T, got, want string) {
	t.Helper()
	g, w := tree(t, got), tree(t, want)
	for name, content := range w {
		if g[name] != content {
			t.Errorf("%q: %d bytes, want %d equal ones", name, len(g[name]), len(content))
		}
	}
	for name := range g {
		if _, ok := w[name]; !ok {
			t.Errorf("%q is too many", name)
		}
	}
}
