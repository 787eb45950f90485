package s3test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
)

// Kind is what goes wrong with a request.
type Kind string

// The kinds of faults. Reset, Truncate and Stall are what a network does;
// after ResetAfter, Truncate and StallBody the request has taken effect.
const (
	Status     Kind = "status"       // answer Status and Code, do nothing
	Reset      Kind = "reset"        // cut the connection, do nothing
	ResetAfter Kind = "reset-after"  // do it, then cut the connection
	Truncate   Kind = "truncate"     // do it, send half of the answer
	Stall      Kind = "stall"        // wait Delay (for ever if 0), then go on
	StallBody  Kind = "stall-body"   // send half of the answer, then wait
	ErrorIn200 Kind = "error-in-200" // 200 with an error inside, do nothing
)

// Fault makes some requests go wrong. Path is a regular expression on
// "/bucket/key?query" with the key unescaped. The first After matching
// requests pass, the next Times fail (all of them if 0). Keys restricts an
// ErrorIn200 of a batch delete to some of its keys.
type Fault struct {
	Method string
	Path   string
	Kind   Kind
	Status int
	Code   string
	Keys   string
	After  int
	Times  int
	Delay  time.Duration
}

// Request is one request the server has seen.
type Request struct {
	Time      time.Time `json:"time"`
	Method    string    `json:"method"`
	Path      string    `json:"path"`  // "/bucket/key", unescaped
	Query     string    `json:"query"` // as sent
	AccessKey string    `json:"access_key"`
	Status    int       `json:"status"`
	Fault     Kind      `json:"fault"`
}

// SetLatency makes every request take d longer.
func (s *Server) SetLatency(t testing.TB, d time.Duration) {
	t.Helper()
	s.call(t, "PUT", "/latency", map[string]string{"latency": d.String()}, nil)
}

// SetClock makes it at now for what the server stamps on versions; the clock
// ticks on from there.
func (s *Server) SetClock(t testing.TB, at time.Time) {
	t.Helper()
	s.call(t, "PUT", "/clock", map[string]time.Time{"set": at}, nil)
}

// FreezeClock stops the clock at at until the next SetClock.
func (s *Server) FreezeClock(t testing.TB, at time.Time) {
	t.Helper()
	s.call(t, "PUT", "/clock", map[string]time.Time{"freeze": at}, nil)
}

// AdvanceClock moves the clock by d.
func (s *Server) AdvanceClock(t testing.TB, d time.Duration) {
	t.Helper()
	s.call(t, "PUT", "/clock", map[string]string{"advance": d.String()}, nil)
}

// LifecycleEvent is one thing that lifecycle did: What is "version", "marker",
// "expired" or "upload".
type LifecycleEvent struct {
	Time      time.Time `json:"time"`
	Bucket    string    `json:"bucket"`
	Key       string    `json:"key"`
	VersionID string    `json:"version_id"`
	What      string    `json:"what"`
	Rule      string    `json:"rule"`
}

// RunLifecycle applies the lifecycle rules of all buckets as they stand at the
// server's time. They also run for every midnight (UTC) that the clock passes.
func (s *Server) RunLifecycle(t testing.TB) []LifecycleEvent {
	t.Helper()
	var out []LifecycleEvent
	s.call(t, "POST", "/lifecycle", nil, &out)
	return out
}

// LifecycleEvents returns what lifecycle has done so far.
func (s *Server) LifecycleEvents(t testing.TB) []LifecycleEvent {
	t.Helper()
	var out []LifecycleEvent
	s.call(t, "GET", "/lifecycle", nil, &out)
	return out
}

// SetQuota bounds what a bucket holds, all versions counted; 0 is no bound.
// Writes beyond it fail with QuotaExceeded.
func (s *Server) SetQuota(t testing.TB, bucket string, bytes, objects int64) {
	t.Helper()
	s.call(t, "PUT", "/quota", map[string]any{"bucket": bucket, "bytes": bytes, "objects": objects}, nil)
}

// Inject adds a fault behind those in force; the first that matches applies.
func (s *Server) Inject(t testing.TB, f Fault) {
	t.Helper()
	s.call(t, "POST", "/faults", map[string]any{
		"method": f.Method, "path": f.Path, "kind": f.Kind, "status": f.Status, "code": f.Code,
		"keys": f.Keys, "after": f.After, "times": f.Times, "delay": f.Delay.String(),
	}, nil)
}

// ClearFaults removes all faults.
func (s *Server) ClearFaults(t testing.TB) {
	t.Helper()
	s.call(t, "DELETE", "/faults", nil, nil)
}

// Requests returns what the server has seen since the start or the last
// ResetRequests, in the order in which it was done with.
func (s *Server) Requests(t testing.TB) []Request {
	t.Helper()
	var out []Request
	s.call(t, "GET", "/requests", nil, &out)
	return out
}

// ResetRequests empties the request log.
func (s *Server) ResetRequests(t testing.TB) {
	t.Helper()
	s.call(t, "DELETE", "/requests", nil, nil)
}

// Synthetic makes a bucket of the admin's with that many generated versions,
// perKey of each key: they can be listed, but not read.
func (s *Server) Synthetic(t testing.TB, bucket string, versions, perKey int) {
	t.Helper()
	s.call(t, "POST", "/synthetic", map[string]any{
		"bucket": bucket, "owner": s.Admin.OwnerID(), "versions": versions, "per_key": perKey,
	}, nil)
}

// Controlled reports whether the server can be told what to do: a test against
// a real server cannot inject faults there.
func (s *Server) Controlled() bool { return s.control != "" }

func (s *Server) call(t testing.TB, method, path string, in, out any) {
	t.Helper()
	if !s.Controlled() {
		harness.NotOnThisServer(t, "only the embedded one can be told what to do")
	}
	if s.isShared {
		t.Fatal("s3test: other tests use this server too; one of your own is s3test.Start")
	}
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	if in == nil {
		body = nil
	}
	req, err := http.NewRequest(method, s.control+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("s3test: %v", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		t.Fatalf("s3test: %s %s: %s: %s %v", method, path, resp.Status, answer, err)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			t.Fatalf("s3test: %s %s: %v", method, path, err)
		}
	}
}
