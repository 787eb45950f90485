package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	bucket   = "backups" // the policed bucket
	rescue   = "rescue"  // what it is rebuilt as
	hostUser = "host"
)

// world is the server, the two identities' configurations and the files.
type world struct {
	story    *story
	dir      string
	endpoint string
	stop     func()
	admin    identity
	host     identity

	attacked time.Time // when the attack began
}

type identity struct {
	Name, AccessKey, SecretKey string
	conf                       string // its rwm.conf for the bucket
}

func newWorld(ctx context.Context, rwm, server string) (w *world, err error) {
	dir, err := os.MkdirTemp("", "rwm-demo-")
	if err != nil {
		return nil, err
	}
	w = &world{
		story: &story{out: os.Stdout, rwm: rwm}, dir: dir, stop: func() {},
		admin: identity{Name: "admin", AccessKey: "demo-admin", SecretKey: "demo-admin-secret", conf: filepath.Join(dir, "admin.conf")},
		host:  identity{Name: hostUser, AccessKey: "demo-host", SecretKey: "demo-host-secret", conf: filepath.Join(dir, "host.conf")},
	}
	if err := w.startServer(ctx, server); err != nil {
		w.close()
		return nil, err
	}
	return w, w.writeConfigs()
}

func (w *world) close() {
	w.stop()
	os.RemoveAll(w.dir)
}

func (w *world) writeConfigs() error {
	if err := os.WriteFile(w.host.conf, []byte(w.config(w.host, bucket)), 0o600); err != nil {
		return err
	}
	return os.WriteFile(w.admin.conf, []byte(w.config(w.admin, rescue)), 0o600)
}

// config is a complete rwm.conf: the same file serves a host and an admin, who
// differ in their keys.
func (w *world) config(who identity, bucket string) string {
	return fmt.Sprintf(`s3_endpoint_url: %q
s3_access_key: %q
s3_secret_key: %q
restic_bucket: %q
restic_password: "correct horse battery staple"
lock_path: %q
autotags: true
backups:
  files:
    filesdirs: [%q]
retention:
  keep-within: 7d
  keep-daily: 30
`, w.endpoint, who.AccessKey, who.SecretKey, bucket, filepath.Join(w.dir, who.Name+".lock"), w.files())
}

func (w *world) files() string { return filepath.Join(w.dir, "files") }

// startServer runs the embedded S3 server as a child that ends with this
// process, whatever ends it: it watches its standard input.
func (w *world) startServer(ctx context.Context, binary string) error {
	users := filepath.Join(w.dir, "users.json")
	list, err := json.Marshal([]map[string]string{
		{"name": w.admin.Name, "access_key": w.admin.AccessKey, "secret_key": w.admin.SecretKey},
		{"name": w.host.Name, "access_key": w.host.AccessKey, "secret_key": w.host.SecretKey},
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(users, list, 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, binary, "--listen", "127.0.0.1:0", "--tenant", "demo", "--users", users, "--exit-on-stdin-eof")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	w.stop = func() { stdin.Close(); _ = cmd.Wait() }
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("%s did not say where it listens: %w", binary, err)
	}
	go io.Copy(io.Discard, stdout)
	var ready struct{ URL string }
	if err := json.Unmarshal(line, &ready); err != nil {
		return err
	}
	w.endpoint = ready.URL
	return nil
}
