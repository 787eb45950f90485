package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/internal/harness/treecmp"
	"github.com/cesnet/rwm/s3state"
)

var rwmLine = regexp.MustCompile(`(?m)^rwm .*$`)

// TestRecoveryRunbook attacks a bucket and then types every command of
// docs/recovery.md, in order, with the names of the page replaced.
func TestRecoveryRunbook(t *testing.T) {
	page, err := os.ReadFile("../../docs/recovery.md")
	if err != nil {
		t.Fatal(err)
	}
	srv := s3test.Start(t)
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	t.Setenv("RESTIC_PASSWORD", "known to the attacker too") // of the repository brought home
	files := filepath.Join(dir, "files")
	urgent := filepath.Join(files, "urgent")
	if err := os.MkdirAll(files, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(urgent, []byte("the urgent file"), 0o600); err != nil {
		t.Fatal(err)
	}
	bucket := srv.Bucket(t)
	conf := func(name, bucket string, id s3test.Identity) {
		text := fmt.Sprintf("s3_endpoint_url: %s\ns3_access_key: %s\ns3_secret_key: %s\nrestic_bucket: %s\nrestic_password: known to the attacker too\nlock_path: %s\nbackups:\n  files: {filesdirs: [%s]}\n",
			srv.URL, id.AccessKey, id.SecretKey, bucket, filepath.Join(dir, "lock"), files)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	conf("recovery.conf", bucket, srv.Admin)
	conf("rwm.conf", bucket, srv.Host)
	enter := func(args ...string) string {
		t.Helper()
		out, code := typed(t, args)
		if code != 0 {
			t.Fatalf("rwm %q ended with %d:\n%s", args, code, out)
		}
		return out
	}
	enter("--config", "recovery.conf", "storage-create", bucket, srv.Host.Name)
	enter("restic", "init")
	enter("backup-all")
	state := lastState(t, srv, bucket)
	time.Sleep(2 * time.Second)
	good := time.Now().Add(-500 * time.Millisecond).Format(time.RFC3339Nano)
	destroy(t, srv, bucket)

	names := strings.NewReplacer(
		`"2026-11-01 12:00"`, good, "KEY@VERSION", state.Key+"@"+state.VersionID, "KEY VERSION", state.Key+" "+state.VersionID,
		"/srv/restored", filepath.Join(dir, "restored"), "/srv/repository", filepath.Join(dir, "repository"),
		"/the/urgent/file", filepath.ToSlash(urgent), "/mnt/then", filepath.Join(dir, "mnt"),
		" backups2 host1", " "+bucket+"2 "+srv.Host.Name, " backups2", " "+bucket+"2", " backups", " "+bucket,
		" rescue2", " "+bucket+"-rescue2", " rescue", " "+bucket+"-rescue",
	)
	commands := rwmLine.FindAllString(string(page), -1)
	if len(commands) < 14 {
		t.Fatalf("only %d commands found", len(commands))
	}
	for _, line := range commands {
		args := shellWords(names.Replace(line))[1:]
		switch {
		case strings.Contains(line, " mount "):
			typeMount(t, args, filepath.Join(dir, "mnt"), urgent)
		case strings.Contains(line, " dump "):
			if out := enter(append([]string{"--quiet"}, args...)...); out != "the urgent file" {
				t.Errorf("%s printed %q", line, out)
			}
		case strings.Contains(line, "storage-history"):
			if out := enter(args...); !strings.Contains(out, "Last good moment") || !strings.Contains(out, "Suspicious") {
				t.Errorf("%s printed %s", line, out)
			}
		default:
			enter(args...)
		}
	}
	r, err := treecmp.Compare(files, filepath.Join(dir, "restored", files))
	if err != nil || !r.Equal() || r.Files != 1 {
		t.Errorf("restored: %+v, %v", r, err)
	}
	for _, rescued := range []string{bucket + "-rescue", bucket + "-rescue2"} {
		conf("rescue.conf", rescued, srv.Admin)
		enter("--config", "rescue.conf", "restic", "check", "--read-data")
	}

	// What the page says about messages is true of them.
	srv.AdvanceClock(t, 10*time.Minute) // longer than a state may take to be saved
	admin, client := []string{"--config", "recovery.conf"}, srv.Client(t, srv.Admin)
	restored := func(to string, moment ...string) []string {
		return slices.Concat(admin, []string{"storage-restore-state", bucket, to}, moment)
	}
	forged := func(change func(map[string]any)) []string {
		return restored(bucket+"-forged", forgedState(t, client, bucket, state, change)...)
	}
	conf("wrong.conf", bucket, srv.Admin)
	if text, err := os.ReadFile("wrong.conf"); err != nil || os.WriteFile("wrong.conf", bytes.ReplaceAll(text, []byte("too"), []byte("wrong")), 0o600) != nil {
		t.Fatal(err)
	}
	checkMessages(t, string(page), map[string][]string{
		"cannot be restored … not in bucket … as it says": forged(func(s map[string]any) {
			s["versions"].([]any)[0].(map[string]any)["VersionId"] = "0123456789abcdef"
		}),
		"disagrees with the version history":                          forged(func(map[string]any) {}), // all of it is gone by now
		"Access Denied … may not read old versions":                   {"restic", "--at", good, "snapshots"},
		"the target user is the admin":                                {"storage-restore-state", bucket, bucket + "-host", "--at", good},
		"it held no object at … the earliest moment is …":             restored(bucket+"-early", "--at", "2020-01-01"),
		"no repository in bucket … the earliest moment with one is …": append(admin, "restic", "--at", "2020-01-01", "snapshots"),
		"bucket exists already":                                       restored(bucket+"-rescue", "--at", good),
		"directory … is not empty":                                    restored(filepath.Join(dir, "repository"), "--at", good),
		"wrong password":                                              {"--config", "wrong.conf", "restic", "--at", good, "snapshots"},
		"the repository was deleted":                                  append(admin, "restic", "snapshots"),
	})
}

var messageRow = regexp.MustCompile(`(?m)^\| ([^|]*) \|[^|]*\|[^|]*\|$`)

// checkMessages runs what causes each message in the table of the page.
func checkMessages(t *testing.T, page string, causes map[string][]string) {
	t.Helper()
	rows := messageRow.FindAllStringSubmatch(page, -1)
	if len(rows) != len(causes)+1 { // and the heading
		t.Errorf("%d messages on the page, %d tried", len(rows)-1, len(causes))
	}
	for _, row := range rows[1:] {
		args := causes[row[1]]
		if args == nil {
			t.Errorf("not tried: %s", row[1])
			continue
		}
		out, code := typed(t, args)
		rest, found := out, code != 0
		for part := range strings.SplitSeq(row[1], "…") {
			var here bool
			_, rest, here = strings.Cut(rest, strings.TrimSpace(part))
			found = found && here
		}
		if !found {
			t.Errorf("%s: rwm %q ended with %d:\n%s", row[1], args, code, out)
		}
	}
}

// forgedState saves a changed copy of a state, and returns its key and version.
func forgedState(t *testing.T, client *minio.Client, bucket string, state s3state.SavedState, change func(map[string]any)) []string {
	t.Helper()
	o, err := client.GetObject(t.Context(), bucket, state.Key, minio.GetObjectOptions{VersionID: state.VersionID})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	packed, err := gzip.NewReader(o)
	if err != nil {
		t.Fatal(err)
	}
	var content map[string]any
	if err := json.NewDecoder(packed).Decode(&content); err != nil {
		t.Fatal(err)
	}
	change(content)
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if err := errors.Join(json.NewEncoder(w).Encode(content), w.Close()); err != nil {
		t.Fatal(err)
	}
	info, err := client.PutObject(t.Context(), bucket, "rwm/state_forged.json.gz", &b, int64(b.Len()), minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return []string{info.Key, info.VersionID}
}

// typed runs a command line and returns what it printed.
func typed(t *testing.T, args []string) (string, int) {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	stdin, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	code := run(args, stdin, out, out)
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text), code
}

// typeMount mounts, reads a file and unmounts.
func typeMount(t *testing.T, args []string, dir, file string) {
	t.Helper()
	umount, err := exec.LookPath("fusermount3")
	if _, fuse := os.Stat("/dev/fuse"); err != nil || fuse != nil {
		t.Log("no FUSE here, so nothing was mounted")
		return
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	done := make(chan int, 1)
	var out string
	go func() {
		text, code := typed(t, args)
		out = text
		done <- code
	}()
	name := filepath.Join(dir, "snapshots", "latest", file)
	want, _ := os.ReadFile(file)
	for range 600 {
		if got, err := os.ReadFile(name); err == nil {
			if string(got) != string(want) {
				t.Errorf("%s: %q", name, got)
			}
			break
		}
		select {
		case code := <-done:
			t.Fatalf("the mount ended with %d: %s", code, out)
		case <-time.After(50 * time.Millisecond):
		}
	}
	if msg, err := exec.Command(umount, "-u", dir).CombinedOutput(); err != nil {
		t.Fatalf("umount: %v %s", err, msg)
	}
	if code := <-done; code != 0 {
		t.Errorf("the mount ended with %d: %s", code, out)
	}
}

func lastState(t *testing.T, srv *s3test.Server, bucket string) s3state.SavedState {
	t.Helper()
	states, err := s3state.New(srv.Client(t, srv.Admin)).States(t.Context(), bucket)
	if err != nil || len(states) == 0 {
		t.Fatalf("%d states, %v", len(states), err)
	}
	return states[len(states)-1]
}

// destroy is what an attacker does with the host's credentials.
func destroy(t *testing.T, srv *s3test.Server, bucket string) {
	t.Helper()
	c := srv.Client(t, srv.Host)
	for o := range c.ListObjects(t.Context(), bucket, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		if _, err := c.PutObject(t.Context(), bucket, o.Key, strings.NewReader("rubbish"), 7, minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := c.RemoveObject(t.Context(), bucket, o.Key, minio.RemoveObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}
