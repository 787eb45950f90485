package embed

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/s3state"
)

// The examples are built from module archives, with nothing of this tree but the
// two go.mod lines docs/embedding.md asks for, and then used: the agent backs up,
// everything in the bucket is deleted with the host's credentials, and the other
// program gets the files back.
func TestExamplesAsAStrangerBuildsThem(t *testing.T) {
	harness.NotShort(t)
	agent, recoverProgram := buildExamples(t)

	server := s3test.Start(t)
	bucket, rescue := server.Bucket(t), server.Bucket(t)
	admin := s3state.New(server.Client(t, server.Admin))
	if _, err := admin.Create(t.Context(), bucket, server.Host.Name, s3state.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	files := t.TempDir()
	write(t, filepath.Join(files, "precious.txt"), []byte("precious"))
	env := func(id s3test.Identity) []string {
		return append(os.Environ(), "S3_ENDPOINT_URL="+server.URL, "S3_ACCESS_KEY="+id.AccessKey, "S3_SECRET_KEY="+id.SecretKey,
			"BUCKET="+bucket, "RESTIC_PASSWORD=pw", "HOME="+t.TempDir())
	}
	said := run(t, files, env(server.Host), agent, "-once", "-lock", filepath.Join(t.TempDir(), "lock"), files)
	for _, want := range []string{"making a new repository", "name=_storage_save_state ok=true"} {
		if !strings.Contains(said, want) {
			t.Errorf("the agent did not say %q:\n%s", want, said)
		}
	}

	wreck(t, server, bucket)

	// The agent does not start afresh, as if nothing had been there.
	again := exec.CommandContext(t.Context(), agent, "-once", "-lock", filepath.Join(t.TempDir(), "lock"), files)
	again.Env = env(server.Host)
	if out, err := again.CombinedOutput(); again.ProcessState.ExitCode() != 10 || !strings.Contains(string(out), "Its versions are there: config version") {
		t.Errorf("after the attack the agent said (%v):\n%s", err, out)
	}

	back := t.TempDir()
	said = run(t, back, env(server.Admin), recoverProgram, bucket, rescue, back)
	if !strings.Contains(said, "restored") {
		t.Errorf("recover said:\n%s", said)
	}
	if data, err := os.ReadFile(filepath.Join(back, files, "precious.txt")); err != nil || string(data) != "precious" {
		t.Errorf("got back %q, %v", data, err)
	}
}

// wreck deletes every object with the host's credentials.
func wreck(t *testing.T, server *s3test.Server, bucket string) {
	t.Helper()
	host := server.Client(t, server.Host)
	for object := range host.ListObjectsIter(t.Context(), bucket, minio.ListObjectsOptions{Recursive: true}) {
		if object.Err != nil {
			t.Fatal(object.Err)
		}
		if err := host.RemoveObject(t.Context(), bucket, object.Key, minio.RemoveObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// buildExamples copies the examples' module away from this tree and builds it.
func buildExamples(t *testing.T) (agent, recoverProgram string) {
	t.Helper()
	cache := filepath.Join(goEnv(t, "GOMODCACHE"), "cache/download")
	probe, err := os.CreateTemp(cache, "probe")
	if err != nil { // it may be mounted from elsewhere
		harness.NotHere(t, "no module can be added to the module cache: "+err.Error())
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		t.Fatal(err)
	}
	proxy, version := publish(t)
	dir := t.TempDir()
	for _, name := range []string{"go.mod", "agent/main.go", "recover/main.go"} {
		data, err := os.ReadFile(filepath.Join(root(t), "examples/embed", name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "go.mod" {
			text := string(data)
			if strings.Count(text, "v0.1.0") != 2 || strings.Count(text, "replace ") != 2 { // one of them in the comment
				t.Fatalf("examples/embed/go.mod is not one requirement and one replace line:\n%s", text)
			}
			data = []byte(strings.ReplaceAll(text, "v0.1.0", version))
		}
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), data)
	}
	env := append(os.Environ(),
		"GOPROXY="+proxy+","+"file://"+filepath.ToSlash(cache)+","+goEnv(t, "GOPROXY"),
		"GOFLAGS=-mod=mod -trimpath", "GOWORK=off", "GONOSUMDB=github.com/cesnet/rwm,github.com/cesnet/rwm/*", "GOTOOLCHAIN=local",
	)
	run(t, dir, env, "go", "vet", "./...")
	bin := t.TempDir()
	for _, program := range []string{"agent", "recover"} {
		run(t, dir, env, "go", "build", "-o", filepath.Join(bin, program+".exe"), "./"+program)
	}
	return filepath.Join(bin, "agent.exe"), filepath.Join(bin, "recover.exe")
}

func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return string(out)
}
