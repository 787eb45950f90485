package rwm_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/rwm"
)

// Everything a program can see of a run that works and of runs that fail is searched
// for the secrets.
func TestSecretsStayInside(t *testing.T) {
	w := newWorld(t).policed()
	w.config.RCCCryptPassword = "crypt-password-marker"
	w.config.Backups = map[string]rwm.Backup{"home": {
		FilesDirs: []string{w.files, w.dir + "/absent"},
		PreRun:    []string{"env", "cat /proc/self/cmdline /proc/$PPID/cmdline | tr '\\0' '\\n'"},
		PostRun:   []string{"false"},
	}}
	var seen strings.Builder
	run := func(cfg rwm.Config) {
		w.config = &cfg
		report, err := w.manager().BackupAll(t.Context())
		fmt.Fprintf(&seen, "%v\n%+v\n%#v\n", err, err, err)
		if report != nil {
			for _, row := range report.Rows {
				fmt.Fprintf(&seen, "%+v\n%v\n", row, row.Err)
			}
		}
	}
	good := *w.config
	run(good)
	bad := good
	bad.ResticPassword = "wrong-password-marker"
	run(bad)
	bad = good
	bad.S3SecretKey = "wrong-secret-marker"
	run(bad)
	bad = good
	bad.S3EndpointURL = "http://" + closedPort(t)
	run(bad)
	w.Inject(t, s3test.Fault{Method: "PUT", Path: "/data/", Kind: s3test.Status, Status: 403, Code: "AccessDenied"})
	w.write("files/new.txt", "new")
	run(good)
	w.ClearFaults(t)

	for _, event := range w.events {
		fmt.Fprintf(&seen, "%+v\n", event)
	}
	seen.WriteString(w.out.String())
	seen.WriteString(w.log.String())
	if lock, err := os.ReadFile(good.LockPath); err == nil {
		seen.Write(lock)
	}
	if !strings.Contains(seen.String(), "RWM_BACKUP=home") {
		t.Fatal("the hook's environment was not looked at")
	}
	for _, secret := range []string{
		good.S3SecretKey, good.ResticPassword, good.RCCCryptPassword, "wrong-password-marker", "wrong-secret-marker",
	} {
		if i := strings.Index(seen.String(), secret); i >= 0 {
			t.Errorf("a secret shows in: …%s…", seen.String()[max(0, i-100):i+20])
		}
	}
	// The files RWM itself writes: the cache.
	err := filepath.WalkDir(w.dir+"/cache", func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), good.ResticPassword) || strings.Contains(string(data), good.S3SecretKey) {
			t.Errorf("a secret is in %s", path)
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
}

func TestConfigIsPrintedWithoutSecrets(t *testing.T) {
	cfg := &rwm.Config{S3EndpointURL: "http://s3", S3SecretKey: "marker1", ResticPassword: "marker2", RCCCryptPassword: "marker3"}
	for _, text := range []string{fmt.Sprint(cfg), fmt.Sprintf("%+v", cfg), fmt.Sprintf("%#v", cfg), fmt.Sprintf("%v", *cfg), fmt.Sprintf("%s", cfg)} {
		if strings.Contains(text, "marker") {
			t.Errorf("secrets in %s", text)
		}
		if !strings.Contains(text, "http://s3") {
			t.Errorf("the rest is missing in %s", text)
		}
	}
}
