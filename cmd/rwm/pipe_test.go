//go:build unix

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A run that waits for a pipe nobody writes into ends at the first signal, whichever of
// its files the pipe is; so does one that writes into a pipe nobody reads.
func TestSilentPipesEndAtASignal(t *testing.T) {
	dir := t.TempDir()
	pipe, unread, repo := filepath.Join(dir, "pipe"), filepath.Join(dir, "unread"), filepath.Join(dir, "repo")
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), syscall.Mkfifo(unread, 0o600)); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	good := "s3_endpoint_url: http://127.0.0.1:1\ns3_access_key: a\ns3_secret_key: b\n"
	conf := write("rwm.conf", good)
	open := func(args ...string) []string {
		return append([]string{"restic", "-r", repo, "--insecure-no-password"}, args...)
	}
	withConf := func(args ...string) []string { return append([]string{"--config", conf}, args...) }
	for _, args := range [][]string{open("init"), open("backup", conf)} {
		if out, err := pipeCommand(t, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v %s", args, err, out)
		}
	}
	for name, args := range map[string][]string{
		"password":             {"restic", "-r", repo, "-p", pipe, "snapshots"},
		"password on stdin":    {"restic", "-r", repo, "snapshots"},
		"repository":           {"restic", "--repository-file", pipe, "--insecure-no-password", "snapshots"},
		"new password":         open("key", "add", "--new-password-file", pipe),
		"from password":        open("copy", "--from-repo", repo, "--from-password-file", pipe),
		"from repository":      open("copy", "--from-repository-file", pipe),
		"files-from":           open("backup", "--files-from", pipe),
		"files-from raw":       open("backup", "--files-from-raw", pipe),
		"files-from verbatim":  open("backup", "--files-from-verbatim", pipe),
		"files-from -":         open("backup", "--files-from", "-"),
		"backup of stdin":      open("backup", "--stdin"),
		"exclude-file":         open("backup", "--exclude-file", pipe, dir),
		"iexclude-file":        open("backup", "--iexclude-file", pipe, dir),
		"rewrite":              open("rewrite", "--exclude-file", pipe),
		"rewrite iexclude":     open("rewrite", "--iexclude-file", pipe),
		"restore exclude":      open("restore", "latest", "--target", filepath.Join(dir, "out"), "--exclude-file", pipe),
		"restore iexclude":     open("restore", "latest", "--target", filepath.Join(dir, "out"), "--iexclude-file", pipe),
		"restore include":      open("restore", "latest", "--target", filepath.Join(dir, "out"), "--include-file", pipe),
		"restore iinclude":     open("restore", "latest", "--target", filepath.Join(dir, "out"), "--iinclude-file", pipe),
		"dump":                 open("dump", "latest", conf, "--target", unread),
		"configuration":        {"--config", pipe, "storage-list"},
		"configuration check":  {"config", "check", "--config", pipe},
		"keeper":               {"--config", pipe, "keep"},
		"keeper status":        {"--config", pipe, "keep", "status"},
		"keeper's secret":      {"--config", write("keeper.conf", "state_dir: "+dir+"/state\nstorages:\n  one: {s3_endpoint_url: 'http://127.0.0.1:1', s3_access_key: a, s3_secret_key_file: "+pipe+", restic_bucket: bucket}\n"), "keep"},
		"secret":               {"--config", write("secret.conf", strings.Replace(good, "s3_secret_key: b", "s3_secret_key_file: "+pipe, 1)), "storage-list"},
		"secret of a backup":   {"--config", write("backup.conf", good+"restic_bucket: bucket\nlock_path: "+dir+"/lock\nrestic_password_file: "+pipe+"\nbackups: {one: {filesdirs: [/etc/hostname]}}\n"), "backup-all"},
		"excludes of a backup": {"--config", write("ex.conf", good+"restic_bucket: bucket\nrestic_password: c\nlock_path: "+dir+"/lock2\nbackups: {one: {filesdirs: [/etc/hostname], extras: [--exclude-file, "+pipe+"]}}\n"), "backup-all"},
		"authority":            {"--config", write("ca.conf", good+"backup_extras: [--cacert, "+pipe+"]\n"), "storage-list"},
		"client certificate":   {"--config", write("cert.conf", good+"backup_extras: [--tls-client-cert, "+pipe+"]\n"), "storage-list"},
		"authority of restic":  {"--config", conf, "restic", "--cacert", pipe, "-r", "s3:http://127.0.0.1:1/bucket", "--insecure-no-password", "snapshots"},
		"authority of rcc":     {"--config", write("rcc.conf", good+"rcc_crypt_bucket: bucket\nrcc_crypt_password: c\n"), "rcc", "--ca-cert", pipe, "lsf", "rwmbe:"},
		"record of renewals":   withConf("storage-renew", "bucket", "--ledger", pipe),
		"upload":               withConf("s3", "cp", pipe, "s3://bucket/k"),
		"upload of stdin":      withConf("s3", "cp", "-", "s3://bucket/k"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := pipeCommand(t, args...)
			if _, err := cmd.StdinPipe(); err != nil { // and nobody writes into that either
				t.Fatal(err)
			}
			var out bytes.Buffer
			cmd.Stderr = &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() { _ = cmd.Wait(); close(ended) }()
			untilIdle(cmd.Process.Pid, ended)
			_ = cmd.Process.Signal(syscall.SIGTERM) // it may have refused the pipe
			select {
			case <-ended:
			case <-time.After(20 * time.Second):
				_ = cmd.Process.Kill()
				t.Fatal("it still waits for the pipe")
			}
			t.Logf("%v: %s", cmd.ProcessState, &out)
			if cmd.ProcessState.Success() {
				t.Errorf("success: %s", &out)
			}
		})
	}
}

// A run that prints into a pipe nobody reads ends at the first signal, unlocked, also
// if its messages go there too.
func TestOutputNobodyReadsEndsAtASignal(t *testing.T) {
	dir := t.TempDir()
	repo, big := filepath.Join(dir, "repo"), filepath.Join(dir, "big")
	if err := os.WriteFile(big, make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	open := func(args ...string) []string {
		return append([]string{"restic", "-r", repo, "--insecure-no-password"}, args...)
	}
	for _, args := range [][]string{open("init"), open("backup", big)} {
		if out, err := pipeCommand(t, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v %s", args, err, out)
		}
	}
	for _, both := range []bool{false, true} {
		cmd := pipeCommand(t, open("dump", "latest", big)...)
		if _, err := cmd.StdoutPipe(); err != nil {
			t.Fatal(err)
		}
		var messages bytes.Buffer
		if cmd.Stderr = &messages; both {
			cmd.Stderr = cmd.Stdout
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { _, _ = cmd.Process.Wait(); close(ended) }()
		untilIdle(cmd.Process.Pid, ended)
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(time.Minute):
			_ = cmd.Process.Kill()
			t.Fatal("it still waits for the reader")
		}
		if locks, err := os.ReadDir(filepath.Join(repo, "locks")); err != nil || len(locks) > 0 {
			t.Errorf("both %v: %d locks are left, %v", both, len(locks), err)
		}
	}
}

// pipeCommand is rwm without anything of the user's.
func pipeCommand(t *testing.T, args ...string) *exec.Cmd {
	cmd := exec.Command("rwm", args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "XDG_CACHE_HOME=", "RESTIC_REPOSITORY=", "RESTIC_PASSWORD=")
	return cmd
}

// untilIdle waits until a process has begun and does nothing more, or has ended.
// Where there is no /proc it waits a while.
func untilIdle(pid int, ended <-chan struct{}) {
	proc := filepath.Join("/proc", strconv.Itoa(pid), "stat") // with the time it has used
	for idle, before := 0, ""; idle < 4; {
		select {
		case <-ended:
			return
		case <-time.After(50 * time.Millisecond):
		}
		stat, err := os.ReadFile(proc)
		_, fields, _ := strings.Cut(string(stat), ") ")
		used := strings.Fields(fields)
		idle++
		if err != nil || len(used) < 13 {
			continue
		}
		// Nothing at all is before it has begun.
		if now := strings.Join(used[11:13], " "); now == "0 0" || now != before {
			idle, before = 0, now
		}
	}
}
