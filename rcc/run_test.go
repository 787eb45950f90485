package rcc_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/rcc"
)

func TestSyncAndBack(t *testing.T) {
	w := newWorld(t)
	source, back := t.TempDir(), t.TempDir()
	writeFiles(t, source)

	w.rcc(t, "sync", source, "rwmbe:/")
	for _, key := range w.keys(t) {
		if strings.Contains(key, "empty") || strings.Contains(key, "dir") {
			t.Errorf("the name %q is not encrypted", key)
		}
	}
	if got := w.rcc(t, "lsl", "rwmbe:/"); strings.Count(got, "\n") != 10 || !strings.Contains(got, "dir/with space") {
		t.Errorf("lsl: %s", got)
	}
	w.rcc(t, "copy", "rwmbe:/", back)
	sameTree(t, back, source)

	one := t.TempDir()
	w.rcc(t, "copy", "rwmbe:/dir/with space", one)
	if got := tree(t, one); len(got) != 1 || got["with space"] != strings.Repeat("d", 10) {
		t.Errorf("one file: %v", got)
	}

	if err := os.Remove(filepath.Join(source, "one")); err != nil {
		t.Fatal(err)
	}
	w.rcc(t, "sync", source, "rwmbe:")
	if got := w.rcc(t, "lsf", "-R", "--files-only", "rwmbe:"); strings.Contains(got, "one\n") {
		t.Errorf("sync left what is gone: %s", got)
	}
	w.rcc(t, "cryptcheck", source, "rwmbe:")
}

// What the user's home and environment say about other rclones must not change where
// the files go, and nothing is left behind in the home.
func TestOtherConfigurationIsIgnored(t *testing.T) {
	w := newWorld(t)
	if got := w.rcc(t, "lsf", "rwmbe:"); got != "" {
		t.Errorf("an empty bucket lists %q", got)
	}
	if got := tree(t, w.home); len(got) > 0 {
		t.Errorf("files in the home: %v", got)
	}
	if entries, err := os.ReadDir(w.home); err != nil || len(entries) > 0 {
		t.Errorf("in the home: %v %v", entries, err)
	}

	file := filepath.Join(w.home, ".config", "rclone", "rclone.conf")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	foreign := "[rwmbe]\ntype = local\n"
	if err := os.WriteFile(file, []byte(foreign), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := w.command(t, "touch", "rwmbe:f")
	cmd.Env = append(cmd.Env, "RCLONE_CONFIG="+file, "RCLONE_CONFIG_RWMBE_TYPE=local",
		"RCLONE_S3_ENDPOINT=http://127.0.0.1:1", "RCLONE_CRYPT_PASSWORD=wrong")
	if o := run(t, cmd); o.code != 0 {
		t.Fatal(o)
	}
	if keys := w.keys(t); len(keys) != 1 {
		t.Errorf("objects: %v", keys)
	}
	if now, err := os.ReadFile(file); err != nil || string(now) != foreign {
		t.Errorf("the user's file: %q %v", now, err)
	}
}

func TestCorruptedObject(t *testing.T) {
	w := newWorld(t)
	source := t.TempDir()
	content := strings.Repeat("content ", 20_000)
	if err := os.WriteFile(filepath.Join(source, "file"), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	w.rcc(t, "copy", source, "rwmbe:")
	key := w.keys(t)[0]
	for name, damage := range map[string]func([]byte) []byte{
		"a bit":      func(b []byte) []byte { b[100_000] ^= 1; return b },
		"the header": func(b []byte) []byte { b[10] ^= 1; return b },
		"the end":    func(b []byte) []byte { return b[:len(b)-1] },
	} {
		t.Run(name, func(t *testing.T) {
			good := w.get(t, key)
			w.put(t, key, damage(bytes.Clone(good)))
			defer w.put(t, key, good)
			dir := t.TempDir()
			o := run(t, w.command(t, "copy", "--retries", "1", "--low-level-retries", "1", "rwmbe:", dir))
			if o.code == 0 || !strings.Contains(o.stderr, "file") {
				t.Errorf("copied: %v", o)
			}
			if got := tree(t, dir); len(got) > 0 {
				t.Errorf("left %d files", len(got))
			}
		})
	}
	dir := t.TempDir()
	w.rcc(t, "copy", "rwmbe:", dir)
	if tree(t, dir)["file"] != content {
		t.Error("the mended object does not download")
	}
}

func TestUndecryptableNameIsSkipped(t *testing.T) {
	w := newWorld(t)
	source, back := t.TempDir(), t.TempDir()
	writeFiles(t, source)
	w.rcc(t, "copy", source, "rwmbe:")
	w.put(t, "not-encrypted.txt", []byte("stray"))

	o := run(t, w.command(t, "copy", "rwmbe:", back))
	if o.code != 0 || !strings.Contains(o.stderr, "not-encrypted.txt") {
		t.Errorf("the stray name is not reported: %v", o)
	}
	sameTree(t, back, source)
}

func TestWrongPassword(t *testing.T) {
	w := newWorld(t)
	source := t.TempDir()
	writeFiles(t, source)
	w.rcc(t, "copy", source, "rwmbe:")
	w.config.Password = "another"
	if got := w.rcc(t, "lsf", "-R", "rwmbe:"); got != "" {
		t.Errorf("another password lists %s", got)
	}
}

func TestExitCodes(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		code int
		want string
		args []string
	}{
		{3, "directory not found", []string{"copy", "/no/such/source", "rwmbe:"}},
		{2, "unknown flag", []string{"lsf", "--no-such-flag", "rwmbe:"}},
		{2, "there is no rclone configuration file here", []string{"lsf", "--config", "/dev/null", "rwmbe:"}},
		{refused, `"mount": not available in rwm rcc`, []string{"mount", "rwmbe:", "/mnt"}},
		{refused, `"config": not available in rwm rcc`, []string{"config", "show"}},
		{1, "didn't find section in config file", []string{"lsf", "other:"}},
		{0, "", []string{"help"}},
	} {
		o := run(t, w.command(t, test.args...))
		if o.code != test.code || !strings.Contains(o.stderr, test.want) {
			t.Errorf("%v: %v\nwant %d, %q", test.args, o, test.code, test.want)
		}
		if strings.Contains(o.stderr, "selfupdate") {
			t.Errorf("%v: rclone's own update is offered: %v", test.args, o)
		}
	}
}

func TestRunRefusesAnIncompleteConfig(t *testing.T) {
	good := rcc.Config{Endpoint: "http://127.0.0.1:1", AccessKey: "a", SecretKey: "b", Bucket: "c", Password: "d"}
	for want, spoil := range map[string]func(*rcc.Config){
		"not a URL":            func(c *rcc.Config) { c.Endpoint = "127.0.0.1:9000" },
		"secret key":           func(c *rcc.Config) { c.SecretKey = "" },
		"no bucket":            func(c *rcc.Config) { c.Bucket = "" },
		"no password":          func(c *rcc.Config) { c.Password = "" },
		"access key or the se": func(c *rcc.Config) { c.AccessKey = "" },
	} {
		c := good
		spoil(&c)
		if err := rcc.Run(context.Background(), c, []string{"lsf", "rwmbe:"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for _, args := range [][]string{nil, {""}, {"lsf", "rwmbe:"}} {
		if err := rcc.Run(context.Background(), rcc.Config{}, args); err == nil {
			t.Errorf("no configuration, %q: no error", args)
		}
	}
	if err := rcc.Run(context.Background(), good, []string{"serve"}); !errors.Is(err, rcc.ErrUsage) {
		t.Errorf("serve: %v", err)
	}
}

// While rclone works, neither its arguments nor its environment give a secret away,
// and an interrupt ends it at once.
func TestNoSecretInTheProcessList(t *testing.T) {
	if _, err := os.Stat("/proc/self/environ"); err != nil {
		harness.NotHere(t, "no /proc")
	}
	w := newWorld(t)
	cmd := w.command(t, "cat", "rwmbe:", "--stats", "50ms", "--stats-log-level", "NOTICE", "--tpslimit", "1", "--tpslimit-burst", "0", "-vv")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"1", "2", "3", "4"} {
		w.rcc(t, "touch", "rwmbe:"+name)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 1)
	if _, err := stderr.Read(first); err != nil { // it has begun, and still has seconds to go
		t.Fatal(err)
	}
	for _, name := range []string{"cmdline", "environ"} {
		content, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid), name))
		if err != nil {
			t.Fatal(err)
		}
		w.noSecret(t, name, string(content))
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	log, err := io.ReadAll(stderr)
	if err != nil {
		t.Fatal(err)
	}
	w.noSecret(t, "the debug log", string(log))
	cmd.Wait() //nolint:errcheck // the code is looked at
	if code := cmd.ProcessState.ExitCode(); code != rcc.ExitInterrupted {
		t.Errorf("exit code %d after an interrupt: %s", code, log)
	}
}

func (w *world) noSecret(t *testing.T, where, text string) {
	t.Helper()
	for _, secret := range []string{w.config.SecretKey, w.config.Password} {
		if strings.Contains(text, secret) {
			t.Errorf("a secret in %s: %q", where, text)
		}
	}
}

func (w *world) get(t *testing.T, key string) []byte {
	t.Helper()
	o, err := w.admin.GetObject(t.Context(), w.config.Bucket, key, minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close() //nolint:errcheck // read only
	content, err := io.ReadAll(o)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func (w *world) put(t *testing.T, key string, content []byte) {
	t.Helper()
	_, err := w.admin.PutObject(t.Context(), w.config.Bucket, key, bytes.NewReader(content), int64(len(content)), minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
}
