package restic

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// TestFaults disturbs the connection during a backup: after any fault, the backup is
// made after some retries.
func TestFaults(t *testing.T) {
	srv := s3test.Start(t)
	faults := map[string][]s3test.Fault{
		"busy on upload":      {{Method: http.MethodPut, Path: "/data/", Kind: s3test.Status, Status: 503, Code: "SlowDown", Times: 3}},
		"error on upload":     {{Method: http.MethodPut, Path: "/snapshots/", Kind: s3test.Status, Status: 500, Code: "InternalError", Times: 1}},
		"reset on upload":     {{Method: http.MethodPut, Path: "/index/", Kind: s3test.Reset, Times: 1}},
		"reset after upload":  {{Method: http.MethodPut, Path: "/data/", Kind: s3test.ResetAfter, Times: 2}},
		"stalled upload":      {{Method: http.MethodPut, Path: "/data/", Kind: s3test.Stall, Times: 1}},
		"reset lock":          {{Method: http.MethodPut, Path: "/locks/", Kind: s3test.ResetAfter, Times: 1}},
		"reset unlock":        {{Method: http.MethodDelete, Path: "/locks/", Kind: s3test.ResetAfter, Times: 1}},
		"busy on listing":     {{Method: http.MethodGet, Path: "prefix=index", Kind: s3test.Status, Status: 503, Code: "SlowDown", Times: 1}},
		"truncated listing":   {{Method: http.MethodGet, Path: "prefix=snapshots", Kind: s3test.Truncate, Times: 1}},
		"truncated index":     {{Method: http.MethodGet, Path: "/index/", Kind: s3test.Truncate, Times: 1}},
		"stalled index":       {{Method: http.MethodGet, Path: "/index/", Kind: s3test.StallBody, Times: 1}},
		"stalled listing":     {{Method: http.MethodGet, Path: "prefix=snapshots", Kind: s3test.Stall, Times: 1}},
		"error in 200 on PUT": {{Method: http.MethodPut, Path: "/data/", Kind: s3test.ErrorIn200, Times: 1}},
	}
	for name, list := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			transport := &s3test.Faults{}
			plain := newBucket(t, srv).(*s3Location)
			loc := S3(srv.ClientVia(t, srv.Admin, transport), plain.bucket, "")
			s, err := Init(t.Context(), loc, testPassword, WithoutCache())
			if err != nil {
				t.Fatal(err)
			}
			mustBackup(t, s, writeTree(t, map[string]string{"first": noise(1<<16, 1)}))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if s, err = Open(t.Context(), loc, testPassword, WithoutCache(), WithStallTimeout(time.Second)); err != nil {
				t.Fatal(err)
			}
			for _, f := range list {
				transport.Inject(f)
			}
			var retries int
			dir := writeTree(t, map[string]string{"second": noise(1<<16, 2)})
			_, err = s.Backup(t.Context(), BackupOptions{Paths: []string{dir}, OnEvent: func(ev Event) {
				if r, ok := ev.(Retrying); ok {
					retries++
					if !strings.Contains(r.Err.Error(), plain.bucket) {
						t.Error("no place in", r.Err)
					}
				}
			}})
			if err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			hit := 0
			for _, r := range transport.Requests() {
				if r.Fault != "" {
					hit++
				}
			}
			if hit == 0 {
				t.Error("nothing went wrong, so nothing was tested")
			}
			t.Logf("%d faults, %d retries reported", hit, retries)
			mustBeSound(t, plain)
			noLocks(t, plain)
		})
	}
}

func noLocks(t *testing.T, loc *s3Location) {
	t.Helper()
	o, err := newOptions(nil)
	if err != nil {
		t.Fatal(err)
	}
	suite := conformance{be: newS3Backend(loc, &o)}
	if left := suite.names(t, objectTypes[2]); len(left) > 0 {
		t.Error("locks left:", left)
	}
}

// TestRefusedInTheMiddle takes the rights away during a backup: that fails at once,
// names the place, and what is there stays sound.
func TestRefusedInTheMiddle(t *testing.T) {
	srv := s3test.Start(t)
	for _, code := range []string{"AccessDenied", "ExpiredToken", "InvalidAccessKeyId"} {
		t.Run(code, func(t *testing.T) {
			transport := &s3test.Faults{}
			plain := newBucket(t, srv).(*s3Location)
			s, err := Init(t.Context(), S3(srv.ClientVia(t, srv.Admin, transport), plain.bucket, ""), testPassword, WithoutCache())
			if err != nil {
				t.Fatal(err)
			}
			dir := writeTree(t, map[string]string{"first": noise(1<<16, 1)})
			transport.Inject(s3test.Fault{Method: http.MethodPut, Path: "/data/", Kind: s3test.Status, Status: 403, Code: code})
			_, err = s.Backup(t.Context(), BackupOptions{Paths: []string{dir}})
			if !errors.Is(err, ErrAccessDenied) || !strings.Contains(err.Error(), plain.bucket+"/data/") {
				t.Error(err)
			}
			transport.Clear()
			mustBackup(t, s, dir)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			mustBeSound(t, plain)
		})
	}
}

// TestBatchDelete: the keys of a batch fail one by one.
func TestBatchDelete(t *testing.T) {
	srv := s3test.Start(t)
	loc := newBucket(t, srv).(*s3Location)
	o, err := newOptions(nil)
	if err != nil {
		t.Fatal(err)
	}
	be := newS3Backend(loc, &o)
	srv.Inject(t, s3test.Fault{Method: http.MethodPost, Path: "delete", Kind: s3test.ErrorIn200, Code: "AccessDenied", Keys: "bad"})
	outcome := be.removeMany(t.Context(), []string{"good1", "bad", "good2"})
	if outcome["good1"] != nil || outcome["good2"] != nil || !errors.Is(outcome["bad"], ErrAccessDenied) {
		t.Error(outcome)
	}
}

// TestServerWithoutChecksums falls back to Content-MD5 where x-amz-checksum-sha256 is
// refused.
func TestServerWithoutChecksums(t *testing.T) {
	srv := s3test.Start(t)
	plain := newBucket(t, srv).(*s3Location)
	refusing := roundTripper(func(req *http.Request) (*http.Response, error) {
		if req.Header.Get("x-amz-checksum-sha256") != "" {
			transport := &s3test.Faults{}
			transport.Inject(s3test.Fault{Kind: s3test.Status, Status: 501, Code: "NotImplemented"})
			return transport.RoundTrip(req)
		}
		if req.Method == http.MethodPut && req.Header.Get("Content-MD5") == "" {
			t.Error("a PUT without any checksum")
		}
		return http.DefaultTransport.RoundTrip(req)
	})
	loc := S3(srv.ClientVia(t, srv.Admin, refusing), plain.bucket, "")
	s, err := Init(t.Context(), loc, testPassword, WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	mustBackup(t, s, writeTree(t, map[string]string{"first": noise(1<<16, 1)}))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustBeSound(t, plain)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
