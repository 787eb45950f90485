package resticflags

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/restic"
)

func parse(t *testing.T, args ...string) *BackupArgs {
	t.Helper()
	parsed, err := ParseBackup(args)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestOptions(t *testing.T) {
	t.Setenv("RESTIC_HOST", "")
	parsed := parse(t, "-x", "-e", "*.o", "--iexclude", "*.TMP", "--exclude-caches", "--exclude-larger-than", "2k", "--tag", "a,b", "--tag", "b",
		"-H", "nas", "--time", "2024-05-06 07:08:09", "--group-by", "host,tags", "--force", "--parent", "abc", "-n", "--pack-size", "32", "--compression", "off", "/srv")
	got, err := parsed.Options(t.Context(), parsed.Paths, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := parsed.Packing(&got); err != nil {
		t.Fatal(err)
	}
	off, size := restic.CompressionOff, uint(32<<20)
	want := restic.BackupOptions{
		Paths: []string{"/srv"}, Excludes: []string{"*.o"}, IExcludes: []string{"*.TMP"}, ExcludeCaches: true, ExcludeLargerThan: 2048,
		OneFileSystem: true, Tags: []string{"a", "b"}, Host: "nas", Time: time.Date(2024, 5, 6, 7, 8, 9, 0, time.Local),
		GroupBy: restic.GroupByHost | restic.GroupByTags, Force: true, DryRun: true, ReaderName: "stdin", Compression: &off, PackSize: &size,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// Every flag has to end up somewhere: given alone, it changes the options of the
// backup, those of the session or the transport, or is refused.
func TestNoFlagIsLost(t *testing.T) {
	values := map[string]string{
		"group-by": "tags", "exclude-larger-than": "1k", "time": "2024-05-06 07:08:09", "read-concurrency": "3", "compression": "max",
		"pack-size": "8", "limit-upload": "1", "limit-download": "1", "retry-lock": "1m", "stuck-request-timeout": "1m", "option": "s3.connections=3",
	}
	// Flags without an effect on what is stored or sent, and why.
	harmless := map[string]string{
		"quiet": "output", "verbose": "output", "json": "output", "key-hint": "only saves time", "cleanup-cache": "other repositories' caches",
		"files-from": "read later", "files-from-verbatim": "read later", "files-from-raw": "read later",
		"repo": "the caller's", "repository-file": "the caller's", "password-file": "the caller's", "password-command": "the caller's",
		"insecure-no-password": "the caller's", "stdin-filename": "below",
	}
	plainBackup, plainSession, plainHTTP := effect(t)
	walkFlags(reflect.TypeFor[BackupArgs](), func(name string, isBool bool) {
		if harmless[name] != "" {
			return
		}
		args := []string{"--" + name}
		if !isBool {
			value := values[name]
			if value == "" {
				value = "x"
			}
			args[0] += "=" + value
		}
		if name == "stdin-from-command" {
			args = append(args, "true")
		}
		parsed, err := ParseBackup(args)
		if err == nil {
			err = parsed.Check()
		}
		if err != nil {
			return
		}
		backup, session, http := effect(t, args...)
		if reflect.DeepEqual(backup, plainBackup) && session == plainSession && reflect.DeepEqual(http, plainHTTP) {
			t.Errorf("--%s has no effect", name)
		}
	})
}

// effect is what the arguments come to. Session options are functions, so only
// their number can be told.
func effect(t *testing.T, args ...string) (restic.BackupOptions, int, HTTP) {
	t.Helper()
	parsed := parse(t, args...)
	backup, err := parsed.Options(t.Context(), parsed.Paths, strings.NewReader(""), nil)
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	if err := parsed.Packing(&backup); err != nil {
		t.Fatal(err)
	}
	session, err := parsed.SessionOptions()
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return backup, len(session), parsed.HTTP
}

func walkFlags(structure reflect.Type, visit func(name string, isBool bool)) {
	for field := range structure.Fields() {
		if field.Anonymous {
			walkFlags(field.Type, visit)
			continue
		}
		if _, positional := field.Tag.Lookup("arg"); positional {
			continue
		}
		visit(flagName(field), field.Type.Kind() == reflect.Bool)
	}
}

func TestFilesFrom(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one, two := write("one.txt", ""), write("two.txt", "")
	patterns := write("patterns", "# comment\n\n  "+dir+"/*.txt  \n"+dir+"/*.none\n")
	verbatim := write("verbatim", "/a b\n#not a comment\n\n")
	raw := write("raw", "/r\n1\x00/r2\x00")
	parsed := parse(t, "--files-from", patterns, "--files-from-verbatim", verbatim, "--files-from-raw", raw)
	var warned []string
	got, err := parsed.Options(t.Context(), []string{"/arg"}, nil, func(text string) { warned = append(warned, text) })
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{one, two, "/a b", "#not a comment", "/r\n1", "/r2", "/arg"}; !reflect.DeepEqual(got.Paths, want) {
		t.Errorf("paths %q, want %q", got.Paths, want)
	}
	if len(warned) != 1 || !strings.Contains(warned[0], "*.none") {
		t.Errorf("warnings %q", warned)
	}
	for name, text := range map[string]string{"open end": "/r", "empty name": "/r\x00\x00/s\x00"} {
		parsed := parse(t, "--files-from-raw", write("bad", text))
		if _, err := parsed.Options(t.Context(), nil, nil, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := parse(t, "--files-from", dir+"/absent").Options(t.Context(), nil, nil, nil); err == nil || !strings.Contains(err.Error(), "--files-from") {
		t.Errorf("missing file: %v", err)
	}
	if got, err := parse(t, "--files-from", "-").Options(t.Context(), nil, strings.NewReader(one+"\n"), nil); err != nil || len(got.Paths) != 1 {
		t.Errorf("from stdin: %q, %v", got.Paths, err)
	}
	if _, err := parse(t, "--files-from", "-").Options(t.Context(), nil, nil, nil); err == nil {
		t.Error("from no stdin: no error")
	}
}

func TestTransport(t *testing.T) {
	agent := ""
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { agent = r.UserAgent() }))
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		ok   bool
	}{{nil, false}, {[]string{"--cacert", ca}, true}, {[]string{"--insecure-tls", "--http-user-agent", "me/1"}, true}} {
		transport, err := parse(t, test.args...).Transport(t.Context(), &http.Transport{})
		if err != nil {
			t.Fatal(err)
		}
		response, err := (&http.Client{Transport: transport}).Get(server.URL)
		if err == nil {
			response.Body.Close()
		}
		if (err == nil) != test.ok {
			t.Errorf("%q: %v", test.args, err)
		}
	}
	if agent != "me/1" {
		t.Errorf("user agent %q", agent)
	}
	for _, args := range [][]string{{"--cacert", ca + "x"}, {"--tls-client-cert", ca}} {
		if _, err := parse(t, args...).Transport(t.Context(), &http.Transport{}); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

// The options that make a client are taken out; what is left makes a session.
func TestExtendedOptionsOfS3(t *testing.T) {
	a := Access{Option: []string{"s3.region = eu-west-1", "s3.storage-class=STANDARD_IA", "s3.bucket-lookup=dns", "s3.connections=4", "s3.retries=5", "s3.unsafe-anonymous-auth=true"}}
	if _, err := a.SessionOptions(); err == nil {
		t.Error("a session takes a region")
	}
	got, err := a.TakeS3()
	if err != nil || got != (S3{Region: "eu-west-1", BucketLookup: "dns", Retries: 5, Anonymous: true}) || len(a.Option) != 2 {
		t.Errorf("%v %+v %q", err, got, a.Option)
	}
	if opts, err := a.SessionOptions(); err != nil || len(opts) != 2 {
		t.Errorf("%v %d", err, len(opts))
	}
	// restic's other options, and its ways to write them, are no error: wrappers and
	// configurations of the original have them.
	a = Access{Option: []string{"S3.Region=a, s3.retries=2", "s3.retries=2", "s3.layout=default", "s3.list-objects-v1=true", "rest.connections=3", "sftp.command=ssh -p 1"}}
	if got, err = a.TakeS3(); err != nil || got != (S3{Region: "a", Retries: 2}) {
		t.Errorf("%v %+v", err, got)
	}
	if opts, err := a.SessionOptions(); err != nil || len(opts) != 0 {
		t.Errorf("%v %d", err, len(opts))
	}
	for _, wrong := range []string{"s3.retries=1,s3.retries=2", "s3.list-objects-v1=perhaps", "s3.enable-restore=true", "s3.nosuch=1", "nosuch"} {
		a := Access{Option: []string{wrong}}
		_, err := a.TakeS3()
		if err == nil {
			_, err = a.SessionOptions()
		}
		if err == nil {
			t.Errorf("%s: no error", wrong)
		}
	}
	for _, wrong := range []string{"s3.bucket-lookup=x", "s3.retries=0", "s3.retries=many", "s3.unsafe-anonymous-auth=perhaps"} {
		if _, err := (&Access{Option: []string{wrong}}).TakeS3(); err == nil {
			t.Errorf("%s: no error", wrong)
		}
	}
}
