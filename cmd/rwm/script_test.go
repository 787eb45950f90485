package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cesnet/rwm/internal/harness"
	_ "github.com/cesnet/rwm/internal/harness/cheapkeys" // for rwm, too, which this program is as a process
	"github.com/cesnet/rwm/internal/harness/resticcli"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/s3state"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"rwm": main}) }

// TestScripts runs testdata/*.txtar against one S3 server. Every script has a
// bucket name of its own in $BUCKET (the bucket is not there yet), rwm.conf with
// the host's credentials and admin.conf with the admin's; back.conf is
// the admin's for the bucket $BUCKET-back.
func TestScripts(t *testing.T) {
	t.Run("mounts", func(t *testing.T) {
		if err := opens("/dev/fuse"); err != nil {
			harness.NotHere(t, "no FUSE, so asof.txtar, recipes.txtar and the runbook leave out their mounts: "+err.Error())
		}
	})
	server := s3test.Start(t)
	roles := serveRoles(t, server.Host)
	tlsEndpoint, ca := serveTLS(t, server)
	plain := resticcli.Current(t).Path()
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			bucket := "b" + strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(filepath.Base(env.WorkDir))) + strconv.FormatInt(time.Now().UnixNano()%1e9, 36)
			env.Setenv("ROLES", roles)
			env.Setenv("RESTIC", plain)
			env.Setenv("TLS_ENDPOINT", tlsEndpoint)
			if err := setupTLS(t, env, ca); err != nil {
				return err
			}
			return setupScript(env, server, bucket)
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "fuse":
				return opens("/dev/fuse") == nil, nil
			case "pty":
				return opens("/dev/ptmx") == nil, nil
			case "lockexisting":
				return locksExisting(t, server), nil
			case "endslocks": // a lock that is extended beyond 2106 has ended
				return server.Dialect() == "rgw", nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "json": jsonValues, "await": await,
			"objects": objects, "versions": versions, "plainbucket": plainBucket, "put": put,
			"oldest": oldest, "now": setNow, "wreck": wreckBucket, "setstate": setState, "firstids": firstIDs, "setbroken": setBroken,
		},
	})
}

// locksExisting reports whether the server can lock a bucket that was made without a
// lock.
func locksExisting(t *testing.T, server *s3test.Server) bool {
	t.Helper()
	client, bucket := server.Client(t, server.Admin), server.Bucket(t)
	if err := client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := client.EnableVersioning(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	return client.SetObjectLockConfig(t.Context(), bucket, nil, nil, nil) == nil
}

// opens reports why a device cannot be used in this place.
func opens(device string) error {
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

func setupScript(env *testscript.Env, server *s3test.Server, bucket string) error {
	env.Setenv("BUCKET", bucket)
	env.Setenv("ENDPOINT", server.URL)
	env.Setenv("HOST", server.Host.Name)
	env.Setenv("TENANT", server.Host.Tenant)
	env.Setenv("ADMIN_KEY", server.Admin.AccessKey)
	env.Setenv("ADMIN_SECRET", server.Admin.SecretKey)
	env.Setenv("HOST_KEY", server.Host.AccessKey)
	env.Setenv("HOST_SECRET", server.Host.SecretKey)
	env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, ".cache"))
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/") // not the role of the machine that runs the tests
	env.Setenv("NO_COLOR", "1")
	env.Setenv("TZ", "UTC")
	if rwm, err := exec.LookPath("rwm"); err == nil {
		env.Setenv("RWM", rwm)
	}
	env.Values["admin"] = server.Admin
	env.Values["url"] = server.URL
	if err := serveHooks(env, server.URL, server.Admin.AccessKey, server.Admin.SecretKey); err != nil {
		return err
	}
	more, _ := os.ReadFile(filepath.Join(env.WorkDir, "more.conf"))
	for file, c := range configs(server, bucket) {
		text := fmt.Sprintf("s3_endpoint_url: %s\ns3_access_key: %s\ns3_secret_key: %s\nlock_path: %s\n",
			c.url, c.id.AccessKey, c.id.SecretKey, filepath.Join(env.WorkDir, "rwm.lock"))
		if c.bucket != "" {
			text += "restic_bucket: " + c.bucket + "\n"
		}
		if c.password != "" {
			text += "restic_password: " + c.password + "\n"
		}
		text += c.more + strings.NewReplacer("$WORK", env.WorkDir, "$HOOKS", env.Getenv("HOOKS"), "$BUCKET", bucket).Replace(string(more))
		if err := os.WriteFile(filepath.Join(env.WorkDir, file), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

type config struct {
	url              string
	id               s3test.Identity
	bucket, password string
	more             string
}

// configs are the good configurations and those with one thing wrong.
func configs(server *s3test.Server, bucket string) map[string]config {
	const password = "correct-horse"
	wrong := server.Host
	wrong.SecretKey = "wrong-secret-wrong-secret-wrong-secret-1"
	return map[string]config{
		"rwm.conf":           {url: server.URL, id: server.Host, bucket: bucket, password: password},
		"admin.conf":         {url: server.URL, id: server.Admin, bucket: bucket, password: password},
		"askeeper.conf":      {url: server.URL, id: server.Host2, bucket: bucket, password: password},
		"back.conf":          {url: server.URL, id: server.Admin, bucket: bucket + "-back", password: password},
		"plain.conf":         {url: server.URL, id: server.Admin, bucket: bucket + "-plain", password: password},
		"elsewhere.conf":     {url: server.URL, id: server.Host, bucket: bucket + "-nobucket", password: password},
		"nobucket.conf":      {url: server.URL, id: server.Host, password: password},
		"nopassword.conf":    {url: server.URL, id: server.Host, bucket: bucket},
		"wrongpassword.conf": {url: server.URL, id: server.Host, bucket: bucket, password: "wrong-horse"},
		"wrongsecret.conf":   {url: server.URL, id: wrong, bucket: bucket, password: password},
		"unreachable.conf":   {url: "http://127.0.0.1:1", id: server.Host, bucket: bucket, password: password},
		"badextras.conf":     {url: server.URL, id: server.Host, bucket: bucket, password: password, more: "backup_extras: [--exclud, x]\n"},
	}
}

// exits CODE PROGRAM ARGS… runs a program that must end with the exit code within ten
// seconds.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d\n%s", got, want, ts.ReadFile("stderr"))
	}
	for _, stream := range []string{"stdout", "stderr"} {
		for _, secret := range []string{"correct-horse", ts.Getenv("HOST_SECRET"), ts.Getenv("ADMIN_SECRET")} {
			if strings.Contains(ts.ReadFile(stream), secret) {
				ts.Fatalf("a secret is in %s", stream)
			}
		}
	}
}

// json stdout|stderr [KEY=VALUE…] checks that there is nothing but JSON values
// and, if pairs are given, that some value has all of them.
func jsonValues(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: json STREAM [KEY=VALUE…]")
	}
	found := len(args) == 1
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile(args[0])))
	dec.UseNumber()
	n := 0
	for ; dec.More(); n++ {
		var value any
		if err := dec.Decode(&value); err != nil {
			ts.Fatalf("not JSON: %v in %s", err, ts.ReadFile(args[0]))
		}
		object, _ := value.(map[string]any)
		found = found || !slices.ContainsFunc(args[1:], func(pair string) bool {
			key, want, _ := strings.Cut(pair, "=")
			return fmt.Sprint(object[key]) != want
		})
	}
	if n == 0 || found == neg {
		ts.Fatalf("%d JSON values, looking for %q:\n%s", n, args[1:], ts.ReadFile(args[0]))
	}
}

func client(ts *testscript.TestScript) *minio.Client {
	id := ts.Value("admin").(s3test.Identity)
	c, err := minio.New(strings.TrimPrefix(ts.Value("url").(string), "http://"), &minio.Options{
		Creds: credentials.NewStaticV4(id.AccessKey, id.SecretKey, ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath,
	})
	ts.Check(err)
	return c
}

func list(ts *testscript.TestScript, bucket, prefix string, withVersions bool) (keys []string) {
	if withVersions { // minio-go cannot read this listing of Ceph RGW
		for v, err := range s3state.New(client(ts)).Versions(context.Background(), bucket, prefix) {
			ts.Check(err)
			keys = append(keys, v.Key+" "+v.VersionID)
		}
		return keys
	}
	for o := range client(ts).ListObjects(context.Background(), bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		ts.Check(o.Err)
		keys = append(keys, o.Key)
	}
	return keys
}

// objects BUCKET PREFIX N checks how many objects there are.
func objects(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: objects BUCKET PREFIX N")
	}
	keys := list(ts, args[0], args[1], false)
	if same := strconv.Itoa(len(keys)) == args[2]; same == neg {
		ts.Fatalf("%d objects below %q: %q", len(keys), args[1], keys)
	}
}

// versions BUCKET remember|unchanged compares all versions and delete markers.
func versions(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: versions BUCKET remember|unchanged")
	}
	now := strings.Join(list(ts, args[0], "", true), "\n")
	file := ts.MkAbs(".versions-" + args[0])
	if args[1] == "remember" {
		ts.Check(os.WriteFile(file, []byte(now), 0o600))
		return
	}
	if before := ts.ReadFile(file); before != now {
		ts.Fatalf("the bucket was changed:\n%s\nnow:\n%s", before, now)
	}
}

// await object BUCKET PREFIX | await file NAME waits until it is there.
func await(ts *testscript.TestScript, neg bool, args []string) {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		switch {
		case len(args) == 3 && args[0] == "object" && len(list(ts, args[1], args[2], false)) > 0:
			return
		case len(args) == 2 && args[0] == "file":
			if _, err := os.Stat(ts.MkAbs(args[1])); err == nil {
				return
			}
		}
	}
	ts.Fatalf("it did not come: %q", args)
}

// setstate BUCKET sets $STATE_KEY and $STATE_VERSION to the bucket's last saved state.
func setState(ts *testscript.TestScript, neg bool, args []string) {
	keys := list(ts, args[0], "rwm/", true)
	if neg || len(keys) == 0 {
		ts.Fatalf("no saved state in %s", args[0])
	}
	slices.Sort(keys)
	key, version, _ := strings.Cut(keys[len(keys)-1], " ")
	ts.Setenv("STATE_KEY", key)
	ts.Setenv("STATE_VERSION", version)
}

// plainbucket BUCKET makes a bucket of the admin's without versioning.
func plainBucket(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(client(ts).MakeBucket(context.Background(), args[0], minio.MakeBucketOptions{}))
}

// put BUCKET KEY notgzip | truncated STATE[@VERSION] | forged STATE[@VERSION] writes a
// bad state and sets $PUT_VERSION.
func put(ts *testscript.TestScript, neg bool, args []string) {
	ctx := context.Background()
	content := []byte("this is no state")
	if len(args) == 4 {
		key, version, _ := strings.Cut(args[3], "@")
		o, err := client(ts).GetObject(ctx, args[0], key, minio.GetObjectOptions{VersionID: version})
		ts.Check(err)
		content, err = io.ReadAll(o)
		ts.Check(err)
	}
	switch args[2] {
	case "truncated":
		content = content[:len(content)/2]
	case "forged":
		content = forge(ts, content)
	}
	info, err := client(ts).PutObject(ctx, args[0], args[1], bytes.NewReader(content), int64(len(content)), minio.PutObjectOptions{})
	ts.Check(err)
	ts.Setenv("PUT_VERSION", info.VersionID)
}

// forge gives one version of a state another id.
func forge(ts *testscript.TestScript, state []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(state))
	ts.Check(err)
	text, err := io.ReadAll(r)
	ts.Check(err)
	var doc map[string]any
	ts.Check(json.Unmarshal(text, &doc))
	for _, v := range doc["versions"].([]any) {
		if entry := v.(map[string]any); entry["Key"] == "config" {
			entry["VersionId"] = "ffffffffffffffff"
		}
	}
	text, err = json.Marshal(doc)
	ts.Check(err)
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err = w.Write(text)
	ts.Check(errors.Join(err, w.Close()))
	return out.Bytes()
}

// firstids STREAM sets $ID1, $ID2, … to the ids in a JSON list.
func firstIDs(ts *testscript.TestScript, neg bool, args []string) {
	var list []struct{ ID string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &list))
	for i, item := range list {
		ts.Setenv(fmt.Sprintf("ID%d", i+1), item.ID)
	}
}

// setbroken STREAM sets $BROKEN to the first broken pack of a check's summary.
func setBroken(ts *testscript.TestScript, neg bool, args []string) {
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile(args[0])))
	for dec.More() {
		var summary struct {
			BrokenPacks []string `json:"broken_packs"`
		}
		ts.Check(dec.Decode(&summary))
		if len(summary.BrokenPacks) > 0 {
			ts.Setenv("BROKEN", summary.BrokenPacks[0])
			return
		}
	}
	ts.Fatalf("no broken packs")
}
