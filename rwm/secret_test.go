package rwm_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/rwm"
)

func TestSecretsFromElsewhere(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	write("restic_password", "from systemd\n")
	write("other", " kept as it is \r\n")
	text := fmt.Sprintf("s3_endpoint_url: http://s3\ns3_access_key_file: %s\ns3_secret_key_command: echo one; echo noise >&2\nrcc_crypt_password_file: $CREDENTIALS_DIRECTORY/other\n",
		write("key", "AKEY\n"))
	cfg, err := rwm.ParseConfig(strings.NewReader(text), "rwm.conf")
	if err != nil {
		t.Fatal(err)
	}
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
	if _, err := rwm.New(cfg); err == nil || !strings.Contains(err.Error(), "ReadSecrets") {
		t.Errorf("before they are read: %v", err)
	}
	var noise strings.Builder
	for range 2 { // once is enough
		if err := cfg.ReadSecrets(t.Context(), &noise); err != nil {
			t.Fatal(err)
		}
	}
	got := []string{cfg.S3AccessKey, cfg.S3SecretKey, cfg.ResticPassword, cfg.RCCCryptPassword}
	if want := []string{"AKEY", "one", "from systemd", " kept as it is "}; fmt.Sprint(got) != fmt.Sprint(want) || noise.String() != "noise\n" {
		t.Errorf("%q, want %q; stderr %q", got, want, noise.String())
	}
	if err := cfg.Validate(); err != nil {
		t.Errorf("after they are read: %v", err)
	}

	byFunc := &rwm.Config{S3EndpointURL: "http://s3", S3AccessKey: "a", S3SecretKeyFrom: func(context.Context) (string, error) { return "f", nil }}
	if err := byFunc.ReadSecrets(t.Context(), nil); err != nil || byFunc.S3SecretKey != "f" {
		t.Errorf("%q %v", byFunc.S3SecretKey, err)
	}
}

// What editors on Windows and PowerShell write, as restic takes it in a password file.
func TestSecretsOfWindows(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	for _, text := range []string{"\ufeffpässword\r\n", "\xff\xfep\x00\xe4\x00s\x00s\x00w\x00o\x00r\x00d\x00\r\x00\n\x00"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, from := range []rwm.SecretFunc{rwm.SecretFile(file), rwm.SecretCommand("cat "+file, nil)} {
			if got, err := from(t.Context()); got != "pässword" || err != nil {
				t.Errorf("%q: %q %v", text, got, err)
			}
		}
	}
}

func TestSecretsThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	empty, many := filepath.Join(dir, "empty"), filepath.Join(dir, "many")
	binary, large := filepath.Join(dir, "binary"), filepath.Join(dir, "large")
	if err := errors.Join(os.WriteFile(empty, []byte("\n"), 0o600), os.WriteFile(many, []byte("secret-a\nsecret-b\n"), 0o600),
		os.WriteFile(binary, []byte("secret-a\x00b\n"), 0o600), os.WriteFile(large, bytes.Repeat([]byte("s"), 64<<10+1), 0o600)); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"restic_password_file: " + dir + "/none":         "restic_password_file: open",
		"restic_password_file: " + empty:                 "restic_password_file: it is empty",
		"restic_password_file: " + many:                  "more than one line",
		"restic_password_file: " + binary:                "NUL byte",
		"restic_password_file: " + large:                 "larger than 64 KiB",
		"restic_password_command: echo secret-a; exit 7": "failed with return code 7",
		"restic_password_command: 'true'":                "it is empty",
		"restic_password_command: yes | head -c 100000":  "failed",
		"restic_password_file: $CREDENTIALS_DIRECTORY/x": "CREDENTIALS_DIRECTORY is not set",
	} {
		t.Setenv("CREDENTIALS_DIRECTORY", "")
		cfg, err := rwm.ParseConfig(strings.NewReader("s3_endpoint_url: http://s3\ns3_access_key: a\ns3_secret_key: b\n"+line+"\n"), "rwm.conf")
		if err != nil {
			t.Fatal(err)
		}
		err = cfg.ReadSecrets(t.Context(), nil)
		if !errors.Is(err, rwm.ErrConfig) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "rwm.conf:4:") || strings.Contains(err.Error(), "secret-a") {
			t.Errorf("%s: %v", line, err)
		}
	}
	for _, text := range []string{"s3_access_key: a\ns3_secret_key: b\ns3_secret_key_file: c\n", "s3_access_key: a\ns3_secret_key_command: b\ns3_secret_key_file: c\n"} {
		cfg, err := rwm.ParseConfig(strings.NewReader("s3_endpoint_url: http://s3\n"+text), "rwm.conf")
		if err != nil {
			t.Fatal(err)
		}
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "give one of them") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A pipe without a writer is waited for only as long as the context lasts.
func TestReadingEndsWithItsContext(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	mkfifo, err := exec.LookPath("mkfifo")
	if err != nil {
		harness.NotHere(t, err.Error())
	}
	if err := exec.Command(mkfifo, pipe).Run(); err != nil {
		harness.NotHere(t, err.Error())
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 3)
	go func() { _, err := rwm.ReadConfig(ctx, pipe); done <- err }()
	go func() { _, err := rwm.SecretFile(pipe)(ctx); done <- err }()
	go func() { _, err := rwm.SecretCommand("sleep 1000", nil)(ctx); done <- err }()
	cancel()
	for range 3 {
		select {
		case err := <-done:
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Fatal("still waiting")
		}
	}
}

func TestDescribe(t *testing.T) {
	cfg, err := rwm.LoadConfig("../examples/secrets.yml")
	if err != nil {
		t.Fatal(err)
	}
	d, err := cfg.Describe()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var again rwm.Description
	if err := json.Unmarshal(text, &again); err != nil || fmt.Sprintf("%+v", again) != fmt.Sprintf("%+v", *d) {
		t.Errorf("%+v\n%+v %v", again, *d, err)
	}
	if d.Secrets["s3_secret_key"] != "file /etc/rwm/s3_secret_key" || d.Secrets["restic_password"] != "output of the command pass …" || d.LockPath != rwm.DefaultLockPath {
		t.Errorf("%s", text)
	}
	cfg.S3EndpointURL = ""
	if _, err := cfg.Describe(); !errors.Is(err, rwm.ErrConfig) {
		t.Errorf("a wrong one: %v", err)
	}
}
