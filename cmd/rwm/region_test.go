package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// Where requests must be signed for a region of the server's own, every command finds
// out which, rclone included.
func TestServerOfAnotherRegion(t *testing.T) {
	srv := s3test.Start(t, s3test.Region("eu-central-7"))
	dir := t.TempDir()
	conf, file := filepath.Join(dir, "rwm.conf"), filepath.Join(dir, "file")
	text := fmt.Sprintf(`
s3_endpoint_url: %s
s3_access_key: %s
s3_secret_key: %s
restic_bucket: region-restic
restic_password: p
rcc_crypt_bucket: region-crypt
rcc_crypt_password: q
lock_path: %s
backups: {one: {filesdirs: [%s]}}
`, srv.URL, srv.Admin.AccessKey, srv.Admin.SecretKey, filepath.Join(dir, "lock"), file)
	for name, content := range map[string]string{conf: text, file: "1\n"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range []string{
		"storage-create region-restic " + srv.Host.Name, "restic init", "backup-all", "storage-info region-restic",
		"storage-create region-crypt " + srv.Host.Name, "rcc copy " + file + " rwmbe:/", "rcc cat rwmbe:/file", "s3 ls s3://region-crypt",
	} {
		cmd := exec.Command("rwm", append([]string{"--config", conf}, strings.Fields(line)...)...)
		cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CACHE_HOME=")
		if out, err := cmd.CombinedOutput(); err != nil || strings.HasPrefix(line, "rcc cat") && string(out) != "1\n" {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
	}
}
