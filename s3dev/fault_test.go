package s3dev_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cesnet/rwm/s3dev"
)

func TestFaults(t *testing.T) {
	e := start(t)
	c := e.bucket("faulty", true)
	text := strings.Repeat("text ", 1000)
	e.put(c, "faulty", "k", text)
	inject := func(f s3dev.Fault) {
		t.Helper()
		e.ClearFaults()
		e.ok(e.Inject(f))
	}
	t.Run("status", func(t *testing.T) {
		inject(s3dev.Fault{Method: "GET", Path: "^/faulty/k$", Kind: s3dev.FaultStatus, Status: 500, After: 1, Times: 2})
		for i, want := range []int{200, 500, 500, 200} {
			resp, body := e.raw(&adminUser, "GET", "/faulty/k", "", nil)
			if resp.StatusCode != want || want == 500 && !strings.Contains(string(body), "<Code>InternalError</Code>") {
				t.Errorf("request %d: %d %s", i, resp.StatusCode, body)
			}
		}
	})
	t.Run("status of a large upload", func(t *testing.T) {
		inject(s3dev.Fault{Method: "PUT", Kind: s3dev.FaultStatus, Code: "Busy"})
		resp, body := e.raw(&adminUser, "PUT", "/faulty/large", "", make([]byte, 20<<20))
		if resp.StatusCode != 503 || !strings.Contains(string(body), "<Code>Busy</Code>") {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
	})
	t.Run("reset", func(t *testing.T) {
		inject(s3dev.Fault{Method: "PUT", Kind: s3dev.FaultReset})
		_, _, err := e.try(&adminUser, "PUT", "/faulty/reset", "", []byte("x"))
		if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
			t.Errorf("got %v", err)
		}
		e.ClearFaults()
		if resp, _ := e.raw(&adminUser, "GET", "/faulty/reset", "", nil); resp.StatusCode != 404 {
			t.Errorf("it was stored all the same: %d", resp.StatusCode)
		}
	})
	t.Run("reset after", func(t *testing.T) {
		inject(s3dev.Fault{Method: "PUT", Kind: s3dev.FaultResetAfter})
		if _, _, err := e.try(&adminUser, "PUT", "/faulty/after", "", []byte("x")); err == nil {
			t.Error("there was an answer")
		}
		e.ClearFaults()
		if resp, _ := e.raw(&adminUser, "GET", "/faulty/after", "", nil); resp.StatusCode != 200 {
			t.Errorf("it was not stored: %d", resp.StatusCode)
		}
	})
	t.Run("truncate", func(t *testing.T) {
		inject(s3dev.Fault{Method: "GET", Kind: s3dev.FaultTruncate})
		resp, data, err := e.try(&adminUser, "GET", "/faulty/k", "", nil)
		if !errors.Is(err, io.ErrUnexpectedEOF) || string(data) != text[:len(text)/2] || resp.ContentLength != int64(len(text)) {
			t.Errorf("%d bytes, %v", len(data), err)
		}
	})
	t.Run("truncated listing", func(t *testing.T) {
		inject(s3dev.Fault{Method: "GET", Path: "versions", Kind: s3dev.FaultTruncate})
		if _, _, err := e.try(&adminUser, "GET", "/faulty", "versions=", nil); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %v", err)
		}
	})
	for _, kind := range []s3dev.FaultKind{s3dev.FaultStall, s3dev.FaultStallBody} {
		t.Run(string(kind), func(t *testing.T) {
			inject(s3dev.Fault{Method: "GET", Kind: kind})
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, "GET", e.URL()+"/faulty/k", nil)
			e.ok(err)
			resp, err := http.DefaultClient.Do(req)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				resp.Body.Close()
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("stall that ends", func(t *testing.T) {
		inject(s3dev.Fault{Method: "GET", Kind: s3dev.FaultStall, Delay: s3dev.Duration(30 * time.Millisecond)})
		if resp, body := e.raw(&adminUser, "GET", "/faulty/k", "", nil); resp.StatusCode != 200 || string(body) != text {
			t.Errorf("%d, %d bytes", resp.StatusCode, len(body))
		}
	})
	t.Run("error in 200", func(t *testing.T) {
		inject(s3dev.Fault{Method: "PUT", Path: "/faulty/copy", Kind: s3dev.FaultErrorIn200})
		resp, body := e.raw(&adminUser, "PUT", "/faulty/copy", "", nil, "X-Amz-Copy-Source", "faulty/k")
		if resp.StatusCode != 200 || !strings.Contains(string(body), "<Error><Code>InternalError</Code>") {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
		if resp, _ := e.raw(&adminUser, "GET", "/faulty/copy", "", nil); resp.StatusCode != 404 {
			t.Errorf("it was copied all the same: %d", resp.StatusCode)
		}
	})
	t.Run("some keys of a batch", func(t *testing.T) {
		e.put(c, "faulty", "b1", "x")
		e.put(c, "faulty", "b2", "x")
		inject(s3dev.Fault{Method: "POST", Path: "delete", Kind: s3dev.FaultErrorIn200, Code: "SlowDown", Keys: "2$"})
		body := []byte(`<Delete><Object><Key>b1</Key></Object><Object><Key>b2</Key></Object></Delete>`)
		resp, answer := e.raw(&adminUser, "POST", "/faulty", "delete=", body, "Content-MD5", md5Base64(body))
		if resp.StatusCode != 200 || strings.Count(string(answer), "<Error>") != 1 || !strings.Contains(string(answer), "<Code>SlowDown</Code>") {
			t.Errorf("%d %s", resp.StatusCode, answer)
		}
		e.ClearFaults()
		for key, want := range map[string]int{"b1": 404, "b2": 200} {
			if resp, _ := e.raw(&adminUser, "GET", "/faulty/"+key, "", nil); resp.StatusCode != want {
				t.Errorf("%s: %d, want %d", key, resp.StatusCode, want)
			}
		}
	})
	t.Run("bad faults", func(t *testing.T) {
		for _, f := range []s3dev.Fault{{}, {Kind: "x"}, {Kind: s3dev.FaultReset, Path: "("}} {
			if e.Inject(f) == nil {
				t.Errorf("%+v was taken", f)
			}
		}
	})
}

func TestRequestLog(t *testing.T) {
	e := start(t)
	e.bucket("log", false)
	e.ResetRequests()
	e.raw(&hostUser, "GET", "/log/a%20b%2Fc", "x=%2F", nil)
	got := e.Requests()
	if len(got) != 1 || got[0].Method != "GET" || got[0].Path != "/log/a b/c" || got[0].Query != "x=%2F" ||
		got[0].AccessKey != hostUser.AccessKey || got[0].Status != 403 {
		t.Errorf("the log has %+v", got)
	}
	e.ResetRequests()
	if got := e.Requests(); len(got) != 0 {
		t.Errorf("the log still has %+v", got)
	}
}

func TestCloseEndsStalledRequests(t *testing.T) {
	e := start(t)
	e.ok(e.Inject(s3dev.Fault{Kind: s3dev.FaultStall}))
	done := make(chan error, 1)
	go func() {
		_, _, err := e.try(&adminUser, "GET", "/x", "", nil)
		done <- err
	}()
	time.Sleep(20 * time.Millisecond) // any time will do: the request may be on its way or stalled
	e.ok(e.Close())
	if err := <-done; err == nil {
		t.Error("the stalled request was answered")
	}
	if _, err := http.Get(e.URL()); err == nil {
		t.Error("the server still answers")
	}
}
