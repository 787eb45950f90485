// Command withweed runs a program with a throw-away SeaweedFS beside it:
//
//	withweed -weed .tools/weed -- go test ./s3state
//
// The program finds the server through its environment, as internal/harness/s3test
// reads it. The exit code is the program's; the server and its files are gone
// afterwards.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/cesnet/rwm/internal/harness/beside"
	"github.com/cesnet/rwm/internal/harness/ports"
)

func main() {
	weed := flag.String("weed", "weed", "SeaweedFS's `binary`")
	flag.Parse()
	code, err := run(*weed, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "withweed:", err)
	}
	os.Exit(code)
}

// user is an identity of SeaweedFS. Only the admin has actions of his own: the others
// get what a bucket's policy gives them.
type user struct {
	variable, name, access, secret string
	actions                        []string
}

func run(weed string, command []string) (code int, err error) {
	if len(command) == 0 {
		return 2, errors.New("no program to run: withweed [-weed FILE] -- PROGRAM ARGS…")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "weed-*")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	users := []user{
		{"RWM_TEST_S3_ADMIN", "admin", rand.Text(), rand.Text(), []string{"Admin", "Read", "Write", "List", "Tagging"}},
		{"RWM_TEST_S3_HOST", "host", rand.Text(), rand.Text(), []string{}},
		{"RWM_TEST_S3_HOST2", "host2", rand.Text(), rand.Text(), []string{}},
	}
	// The server runs in its own directory.
	if weed, err = exec.LookPath(weed); err == nil {
		weed, err = filepath.Abs(weed)
	}
	if err != nil {
		return 1, err
	}
	url, end, err := start(ctx, weed, dir, users)
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, end()) }()
	env := []string{"RWM_TEST_S3=" + url, "RWM_TEST_S3_TENANT=000000000000", "RWM_TEST_S3_DIALECT=seaweedfs"}
	for _, u := range users {
		env = append(env, u.variable+"="+u.name+":"+u.access+":"+u.secret)
	}
	return beside.Run(ctx, command, env...)
}

// start runs all of SeaweedFS in one process and waits until its gateway answers.
func start(ctx context.Context, weed, dir string, users []user) (url string, end func() error, err error) {
	config := filepath.Join(dir, "s3.json")
	if err := writeUsers(config, users); err != nil {
		return "", nil, err
	}
	// By default it grows by seven volumes at a time, a bucket is a collection, and
	// after ten buckets nothing could be written.
	growth := []byte("[master.volume_growth]\ncopy_1 = 1\n")
	if err := os.WriteFile(filepath.Join(dir, "master.toml"), growth, 0o600); err != nil {
		return "", nil, err
	}
	free, err := ports.Free(4, 10_000) // each of its servers has a second port up there
	if err != nil {
		return "", nil, err
	}
	port := func(i int) string { return strconv.Itoa(free[i]) }
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, weed, "server", "-dir="+dir, "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
		"-master.port="+port(0), "-volume.port="+port(1), "-filer.port="+port(2), "-volume.max=1000",
		"-s3", "-s3.port="+port(3), "-s3.config="+config)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	end = func() error {
		_ = cmd.Process.Kill() // it has nothing to lose
		<-ended
		return log.Close()
	}
	url = "http://127.0.0.1:" + port(3)
	began := time.Now()
	for time.Since(began) < time.Minute {
		if resp, err := http.Get(url); err == nil {
			_ = resp.Body.Close()
			time.Sleep(2 * time.Second) // its volume server registers
			fmt.Fprintf(os.Stderr, "withweed: SeaweedFS answers at %s after %.1f s\n", url, time.Since(began).Seconds())
			return url, end, nil
		}
		select {
		case err := <-ended:
			text, _ := os.ReadFile(log.Name())
			return "", nil, fmt.Errorf("SeaweedFS ended: %v: %.2000s", err, text)
		case <-time.After(200 * time.Millisecond):
		}
	}
	return "", nil, errors.Join(errors.New("SeaweedFS does not answer"), end())
}

func writeUsers(path string, users []user) error {
	type credential struct {
		AccessKey string `json:"accessKey"`
		SecretKey string `json:"secretKey"`
	}
	type identity struct {
		Name        string       `json:"name"`
		Credentials []credential `json:"credentials"`
		Actions     []string     `json:"actions"`
	}
	var doc struct {
		Identities []identity `json:"identities"`
	}
	for _, u := range users {
		doc.Identities = append(doc.Identities, identity{u.name, []credential{{u.access, u.secret}}, u.actions})
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}
