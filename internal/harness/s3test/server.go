package s3test

import (
	"bufio"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/cesnet/rwm/internal/harness"
)

// Identity is a user of the server.
type Identity struct {
	Name      string `json:"name"`
	Tenant    string `json:"tenant"`
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
	// Account is the identity's account on Ceph, which then owns what it makes.
	Account string `json:"account,omitempty"`
}

// ARN names the identity in a bucket policy.
func (id Identity) ARN() string { return "arn:aws:iam::" + id.Account + id.Tenant + ":user/" + id.Name }

// seaweedAccount is in the ARN of every user of SeaweedFS, where the owner of an object
// is its user's name.
const seaweedAccount = "000000000000"

// OwnerID names the identity as the owner of buckets and objects.
func (id Identity) OwnerID() string {
	switch {
	case id.Account != "":
		return id.Account
	case id.Tenant == "" || id.Tenant == seaweedAccount:
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

	control  string // empty for an external server
	dialect  string
	isShared bool
}

// Option changes the server that Start runs.
type Option func(*options)

type options struct {
	args    []string
	dialect string
	account string
	region  string
}

// dialectOfCeph is that of the real server that the suites run on.
const dialectOfCeph = "rgw"

// externalDialect is that of the real server.
func externalDialect() string { return cmp.Or(os.Getenv("RWM_TEST_S3_DIALECT"), dialectOfCeph) }

// Dialect makes the server answer as another one does: see s3dev's documentation. On a
// real server only tests of its own dialect run.
func Dialect(name string) Option {
	return func(o *options) {
		if o.dialect, o.args = name, append(o.args, "--dialect="+name); name == "versitygw" || name == "seaweedfs" {
			o.args = append(o.args, "--tenant=") // they have none
		}
	}
}

// Account puts the users into one account of Ceph.
func Account(id string) Option { return func(o *options) { o.account = id } }

// RGW makes the server answer in Ceph's dialect.
func RGW() Option { return Dialect(dialectOfCeph) }

// Region makes the server take requests that are signed for that region only.
func Region(name string) Option {
	return func(o *options) { o.region, o.args = name, append(o.args, "--region="+name) }
}

// Start runs a server of the test's own, which ends with the test.
func Start(t testing.TB, opts ...Option) *Server {
	t.Helper()
	harness.NotShort(t)
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if endpoint := os.Getenv("RWM_TEST_S3"); endpoint != "" {
		if o.dialect != "" && o.dialect != externalDialect() {
			harness.NotOnThisServer(t, "it is about servers of the dialect "+o.dialect)
		}
		if o.region != "" {
			harness.NotOnThisServer(t, "its region is another one")
		}
		if o.account != "" {
			harness.NotOnThisServer(t, "its users are in no account")
		}
		return external(t, endpoint)
	}
	s, file, err := newServer(t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	child, err := s.start(binary(t), o, file)
	if err != nil {
		t.Fatalf("s3test: %v", err)
	}
	t.Cleanup(func() {
		if err := child.end(); err != nil {
			t.Errorf("s3test: the server ended with %v", err)
		}
	})
	return s
}

// newServer invents the users and writes them into a file below dir, where only we can
// read them.
func newServer(dir string, o options) (s *Server, users string, err error) {
	s = &Server{dialect: cmp.Or(o.dialect, "aws"), Admin: newIdentity("admin"), Host: newIdentity("host"), Host2: newIdentity("host2")}
	for _, id := range []*Identity{&s.Admin, &s.Host, &s.Host2} {
		switch id.Account = o.account; {
		case o.account != "":
			id.Tenant = ""
		case o.dialect == "versitygw": // it knows users by their keys only
			id.Tenant, id.Name = "", id.AccessKey
		case o.dialect == "seaweedfs":
			id.Tenant = "" // for the server; its ARNs have an account all the same
		}
	}
	list, err := json.Marshal([]Identity{s.Admin, s.Host, s.Host2})
	if err != nil {
		return nil, "", err
	}
	if o.dialect == "seaweedfs" {
		s.Admin.Tenant, s.Host.Tenant, s.Host2.Tenant = seaweedAccount, seaweedAccount, seaweedAccount
	}
	f, err := os.CreateTemp(dir, "users-*.json")
	if err != nil {
		return nil, "", err
	}
	_, err = f.Write(list)
	return s, f.Name(), errors.Join(err, f.Close())
}

// child is the server's process. It ends when its standard input does, so even a killed
// test leaves none behind.
type child struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stdout io.Reader
	stderr strings.Builder
}

// start runs the server and waits for its ready line.
func (s *Server) start(binary string, o options, users string) (*child, error) {
	args := append([]string{
		"--listen=127.0.0.1:0", "--control=127.0.0.1:0", "--users=" + users, "--exit-on-stdin-eof",
	}, o.args...)
	c := &child{cmd: exec.Command(binary, args...)}
	if os.Getenv("GOGC") == "" {
		c.cmd.Env = append(os.Environ(), "GOGC=400", "GOMEMLIMIT=1GiB") // as in package harness
	}
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.stdin, c.stdout, c.cmd.Stderr = stdin, stdout, &c.stderr
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	var ready struct{ URL, Control string }
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &ready)
	}
	if err != nil {
		return nil, fmt.Errorf("the server did not start: %w: %q; %v", err, line, c.end())
	}
	s.URL, s.control = ready.URL, ready.Control
	return c, nil
}

func (c *child) end() error {
	_ = c.stdin.Close()
	_, _ = io.Copy(io.Discard, c.stdout)
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, c.stderr.String())
	}
	return nil
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
		dialect: externalDialect(),
		URL:     strings.TrimSuffix(endpoint, "/"), Admin: identity("RWM_TEST_S3_ADMIN"),
		Host: identity("RWM_TEST_S3_HOST"), Host2: identity("RWM_TEST_S3_HOST2"),
	}
}

// Dialect is that of the server: aws, rgw, rgw18, rgw20, seaweedfs or versitygw.
func (s *Server) Dialect() string { return s.dialect }

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
