package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/cesnet/rwm/internal/harness/s3proc"
)

const (
	bucket   = "backups" // the policed bucket
	rescue   = "rescue"  // what it is rebuilt as
	hostUser = "host"
)

// world is the server, the two identities' configurations and the files.
type world struct {
	story  *story
	dir    string
	server *s3proc.Server
	admin  identity
	host   identity

	attacked time.Time // when the attack began
}

type identity struct {
	Name, AccessKey, SecretKey string
	conf                       string // its rwm.conf
}

func (i identity) user() s3proc.User {
	return s3proc.User{Name: i.Name, Tenant: "demo", AccessKey: i.AccessKey, SecretKey: i.SecretKey}
}

func newWorld(rwm, server string) (w *world, err error) {
	dir, err := os.MkdirTemp("", "rwm-demo-")
	if err != nil {
		return nil, err
	}
	w = &world{
		story: &story{out: os.Stdout, rwm: rwm}, dir: dir,
		admin: identity{Name: "admin", AccessKey: "demo-admin", SecretKey: "demo-admin-secret", conf: filepath.Join(dir, "admin.conf")},
		host:  identity{Name: hostUser, AccessKey: "demo-host", SecretKey: "demo-host-secret", conf: filepath.Join(dir, "host.conf")},
	}
	w.server, err = s3proc.Start(server, w.admin.user(), w.host.user())
	if err == nil {
		err = w.writeConfigs()
	}
	if err != nil {
		w.close()
	}
	return w, err
}

func (w *world) close() {
	if w.server != nil {
		w.server.Close()
	}
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
`, w.server.URL, who.AccessKey, who.SecretKey, bucket, filepath.Join(w.dir, who.Name+".lock"), w.files())
}

func (w *world) files() string { return filepath.Join(w.dir, "files") }
