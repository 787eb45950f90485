package s3test

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Identity is a user of the server.
type Identity struct {
	Name      string `json:"name"`
	Tenant    string `json:"tenant"`
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
}

// ARN names the identity in a bucket policy.
func (id Identity) ARN() string { return "arn:aws:iam::" + id.Tenant + ":user/" + id.Name }

// OwnerID names the identity as the owner of buckets and objects.
func (id Identity) OwnerID() string {
	if id.Tenant == "" {
		return id.Name
	}
	return id.Tenant + "$" + id.Name
}

// String leaves the keys out.
func (id Identity) String() string { return id.OwnerID() }

// Server is a running S3 server with three plain users of one tenant.
type Server struct {
	URL                string
	Admin, Host, Host2 Identity

	control string // empty for an external server
}

// Option changes the server that Start runs.
type Option func(*options)

type options struct{ args []string }

// RGW makes the server answer in Ceph's dialect.
func RGW() Option { return func(o *options) { o.args = append(o.args, "--dialect=rgw") } }

// Start runs a server of the test's own, which ends with the test.
func Start(t testing.TB, opts ...Option) *Server {
	t.Helper()
	if endpoint := os.Getenv("RWM_TEST_S3"); endpoint != "" {
		return external(t, endpoint)
	}
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	s := &Server{Admin: newIdentity("admin"), Host: newIdentity("host"), Host2: newIdentity("host2")}
	users, err := json.Marshal([]Identity{s.Admin, s.Host, s.Host2})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "users.json")
	if err := os.WriteFile(file, users, 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"--listen=127.0.0.1:0", "--control=127.0.0.1:0", "--users=" + file, "--exit-on-stdin-eof"}, o.args...)
	s.run(t, exec.Command(binary(t), args...))
	return s
}

// run starts the command and waits for its ready line. The child ends when
// its standard input does, so even a killed test leaves none behind.
func (s *Server) run(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatalf("s3test: %v", err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_, _ = io.Copy(io.Discard, stdout)
		if err := cmd.Wait(); err != nil {
			t.Errorf("s3test: the server ended with %v: %s", err, stderr.String())
		}
	})
	var ready struct{ URL, Control string }
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &ready)
	}
	if err != nil {
		t.Fatalf("s3test: the server did not start: %v: %q", err, line)
	}
	s.URL, s.control = ready.URL, ready.Control
}

func newIdentity(name string) Identity {
	return Identity{Name: name, Tenant: "acme", AccessKey: "AK" + rand.Text()[:18], SecretKey: rand.Text()}
}

func external(t testing.TB, endpoint string) *Server {
	t.Helper()
	tenant := os.Getenv("RWM_TEST_S3_TENANT")
	identity := func(env string) Identity {
		part := strings.SplitN(os.Getenv(env), ":", 3)
		if len(part) != 3 {
			t.Fatalf("s3test: %s must be NAME:ACCESS:SECRET when RWM_TEST_S3 is set", env)
		}
		return Identity{Name: part[0], Tenant: tenant, AccessKey: part[1], SecretKey: part[2]}
	}
	return &Server{
		URL: strings.TrimSuffix(endpoint, "/"), Admin: identity("RWM_TEST_S3_ADMIN"),
		Host: identity("RWM_TEST_S3_HOST"), Host2: identity("RWM_TEST_S3_HOST2"),
	}
}

// Client returns a path-style client for the identity.
func (s *Server) Client(t testing.TB, id Identity) *minio.Client {
	t.Helper()
	return s.ClientVia(t, id, nil)
}

// ClientVia returns a client that sends its requests through rt; nil is a
// transport of the client's own. It does not retry: a test that injects a
// fault wants to see it, and code under test has its own retries.
func (s *Server) ClientVia(t testing.TB, id Identity, rt http.RoundTripper) *minio.Client {
	t.Helper()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if rt == nil {
		tr := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
		t.Cleanup(tr.CloseIdleConnections)
		rt = tr
	}
	client, err := minio.New(u.Host, &minio.Options{
		Creds:        credentials.NewStaticV4(id.AccessKey, id.SecretKey, ""),
		Secure:       u.Scheme == "https",
		Transport:    rt,
		Region:       "us-east-1",
		BucketLookup: minio.BucketLookupPath,
		MaxRetries:   1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// Bucket returns the name of a bucket nobody else uses; it is not created.
func (s *Server) Bucket(t testing.TB) string {
	t.Helper()
	return "rwm-test-" + strings.ToLower(rand.Text()[:12])
}
