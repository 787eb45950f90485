package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// A bucket that cannot be checked is neither OK nor FAILED, and the exit code says that
// something is missing.
func TestListOfABucketThatCannotBeRead(t *testing.T) {
	server := s3test.Start(t)
	client := server.Client(t, server.Admin)
	buckets := []string{server.Bucket(t), server.Bucket(t)}
	for _, bucket := range buckets {
		if err := client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(t.TempDir(), "rwm.conf")
	text := fmt.Sprintf("s3_endpoint_url: %s\ns3_access_key: %s\ns3_secret_key: %s\n", server.URL, server.Admin.AccessKey, server.Admin.SecretKey)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	list := func(args ...string) (code int, out string) {
		file, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		code = run(append([]string{"--config", config, "storage-list"}, args...), os.Stdin, file, file)
		said, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		return code, string(said)
	}
	if code, out := list(); code != exitOK {
		t.Errorf("exit code %d\n%s", code, out)
	}
	for _, c := range []struct {
		path   string // of the fault
		status int
		code   string
		says   []string
	}{
		{"/" + buckets[0] + `/?\?`, 403, "AccessDenied", []string{
			`(?m)^` + buckets[0] + ` +UNKNOWN `,
			`(?m)^` + buckets[1] + ` +FAILED `,
			`warning: .*` + buckets[0],
			`(?m)1 of 2 buckets could not be checked; the others were$`,
		}},
		{"/" + buckets[0] + `/?\?object-lock`, 400, "InvalidToken", []string{
			`(?m)^` + buckets[0] + ` +FAILED .* \? *$`,
			`(?m)1 of 2 buckets could not be checked; the others were$`,
		}},
		{`/.+/?\?`, 403, "AccessDenied", []string{`(?m)2 of 2 buckets could not be checked$`}},
	} {
		server.Inject(t, s3test.Fault{Method: http.MethodGet, Path: c.path, Kind: s3test.Status, Status: c.status, Code: c.code})
		code, out := list()
		for _, want := range c.says {
			if !regexp.MustCompile(want).MatchString(out) {
				t.Errorf("%s %s: not said: %s\n%s", c.path, c.code, want, out)
			}
		}
		if code != exitIncomplete {
			t.Errorf("%s %s: exit code %d\n%s", c.path, c.code, code, out)
		}
		if code, out := list("--json"); code != exitIncomplete {
			t.Errorf("%s %s: exit code %d\n%s", c.path, c.code, code, out)
		}
		server.ClearFaults(t)
	}
	// What was removed since the buckets were listed is not missed.
	server.Inject(t, s3test.Fault{Method: http.MethodGet, Path: "/" + buckets[0] + `/?\?`, Kind: s3test.Status, Status: 404, Code: "NoSuchBucket"})
	if code, out := list(); code != exitOK || strings.Contains(out, buckets[0]) || !strings.Contains(out, buckets[1]) {
		t.Errorf("exit code %d\n%s", code, out)
	}
}
