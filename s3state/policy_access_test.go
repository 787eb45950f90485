package s3state

import (
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/minio/minio-go/v7"
)

func TestAccess(t *testing.T) {
	w := newWorld(t)
	config := strings.Repeat("c", shortest)
	w.put("config", config)
	before := contents(t, w.admin, w.bucket)
	rep, err := w.host.Access(w.ctx, w.bucket, AccessOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rep.Results {
		t.Logf("%-28s %-8s expected %-8s harm=%v %s", r.Action, r.Outcome, r.Expected, r.Harm, r.Detail)
	}
	if !rep.OK || len(rep.Results) < 10 {
		t.Errorf("%+v", rep)
	}
	if after := contents(t, w.admin, w.bucket); len(after) != len(before) {
		t.Errorf("it left %q", after)
	}
	if check, err := w.admin.CheckPolicy(w.ctx, w.bucket); err != nil || !check.OK {
		t.Errorf("%v %+v", err, check)
	}
	h, err := w.admin.History(w.ctx, w.bucket, HistoryOptions{})
	if err != nil || len(h.Suspicions)+len(h.Notes) > 0 {
		t.Fatalf("%v %+v", err, h)
	}
	for _, step := range h.Steps {
		if counts := DescribeCounts(step.Counts, nil); strings.Contains(counts, "state") || !strings.Contains(counts, "1 canary") {
			t.Errorf("history shows %s", counts)
		}
	}
	entries := dump(t, w.admin, w.bucket)
	if quick, err := w.host.Access(w.ctx, w.bucket, AccessOptions{Quick: true}); err != nil || !quick.OK {
		t.Errorf("%v %+v", err, quick)
	}
	if !slices.Equal(entries, dump(t, w.admin, w.bucket)) {
		t.Error("the quick way wrote something")
	}
	if _, err := w.admin.Access(w.ctx, w.bucket, AccessOptions{As: RoleHost}); !errors.Is(err, ErrOwner) {
		t.Errorf("as the admin: %v", err)
	}

	// A policy that allows too much is found out.
	p := policyDocument{Version: "2012-10-17", Statement: []policyStatement{adminStatement(w.bucket, w.srv.Admin.ARN()), adminStatement(w.bucket, w.srv.Host.ARN())}}
	if err := w.admin.client.SetBucketPolicy(w.ctx, w.bucket, encodePolicy(p.Statement...)); err != nil {
		if external() && refusesForm(err) {
			t.Skipf("this server takes no such policy: %v", err)
		}
		t.Fatal(err)
	}
	rep, err = w.host.Access(w.ctx, w.bucket, AccessOptions{})
	if err != nil || rep.OK {
		t.Fatalf("%v %+v", err, rep)
	}
	harm := map[string]bool{}
	for _, r := range rep.Results {
		harm[r.Action] = r.Harm
	}
	for _, action := range []string{"delete a version", "change the policy", "suspend versioning", "delete the bucket"} {
		if !harm[action] {
			t.Errorf("%s: not found out", action)
		}
	}
	if got := contents(t, w.admin, w.bucket); got["config"] != config {
		t.Errorf("it harmed: %q", got)
	}
}

// An attempt that the server does not answer proves nothing.
func TestAccessThatIsNotAnswered(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		fails func(*http.Request) bool
		how   func(*http.Request) (*http.Response, error)
		what  string
	}{
		"overloaded": {
			func(r *http.Request) bool { return r.Method == http.MethodDelete && r.URL.Query().Has("versionId") },
			func(r *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 503, Body: io.NopCloser(strings.NewReader("")), Header: http.Header{}, Request: r}, nil
			},
			"delete a version",
		},
		"broken": {
			func(r *http.Request) bool { return r.Method == http.MethodPut && r.URL.Query().Has("policy") },
			func(*http.Request) (*http.Response, error) {
				return nil, &net.OpError{Op: "read", Err: syscall.ECONNRESET}
			},
			"change the policy",
		},
		"no such feature": {
			func(r *http.Request) bool { return r.Method == http.MethodPut && r.URL.Query().Has("lifecycle") },
			func(r *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 501, Body: io.NopCloser(strings.NewReader("")), Header: http.Header{}, Request: r}, nil
			},
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			host := w.storeVia(w.srv.Host, roundTripper(func(r *http.Request) (*http.Response, error) {
				if c.fails(r) {
					return c.how(r)
				}
				return http.DefaultTransport.RoundTrip(r)
			}))
			rep, err := host.Access(w.ctx, w.bucket, AccessOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rep.Results {
				if r.Unproved != (r.Action == c.what) || r.Unproved && (r.Outcome != Unknown || r.Met()) {
					t.Errorf("%+v", r)
				}
			}
			if rep.OK != (c.what == "") || strings.Join(rep.Unproved(), "") != c.what {
				t.Errorf("OK is %v, not proved %q", rep.OK, rep.Unproved())
			}
		})
	}
}

// A server that is too busy has not refused to let a sealed host read.
func TestReadingABusyServer(t *testing.T) {
	for status, unproved := range map[int]bool{403: false, 404: false, 400: false, 409: false, 501: false, 408: true, 429: true, 503: true} {
		a := &accessor{report: &AccessReport{OK: true}}
		a.reading("GET", minio.ErrorResponse{StatusCode: status, Code: "X"})
		if r := a.report.Results[0]; r.Unproved != unproved || r.Met() == unproved || a.report.OK == unproved {
			t.Errorf("%d: %+v", status, r)
		}
	}
}
