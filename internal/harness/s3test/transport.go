package s3test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Faults is an http.RoundTripper that makes requests go wrong on the client's
// side, with any server: give it to [Server.ClientVia]. The zero value passes
// everything on through http.DefaultTransport.
type Faults struct {
	Base http.RoundTripper

	mu   sync.Mutex
	list []*armed
	seen []Request
}

type armed struct {
	Fault
	path       *regexp.Regexp
	seen, done int
}

// Inject adds a fault behind those in force. It panics if Path is no regular
// expression.
func (f *Faults) Inject(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, &armed{Fault: fault, path: regexp.MustCompile(fault.Path)})
}

// Clear removes all faults.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = nil
}

// Requests returns what was sent through the transport, in the order in which
// it was begun; Status and AccessKey are not set.
func (f *Faults) Requests() []Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Request{}, f.seen...)
}

func (f *Faults) match(req *http.Request) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := Request{Time: time.Now(), Method: req.Method, Path: req.URL.Path, Query: req.URL.RawQuery}
	if bucket, ok := strings.CutSuffix(r.Path, "/"); ok && strings.Count(bucket, "/") == 1 {
		r.Path = bucket // minio-go asks for "/bucket/"
	}
	target := r.Path
	if r.Query != "" {
		target += "?" + r.Query
	}
	var hit *Fault
	for _, a := range f.list {
		if a.Method != "" && a.Method != req.Method || !a.path.MatchString(target) {
			continue
		}
		a.seen++
		if a.seen <= a.After || a.Times > 0 && a.done >= a.Times {
			continue
		}
		a.done++
		hit, r.Fault = &a.Fault, a.Kind
		break
	}
	f.seen = append(f.seen, r)
	return hit
}

// RoundTrip implements http.RoundTripper.
func (f *Faults) RoundTrip(req *http.Request) (*http.Response, error) {
	base := f.Base
	if base == nil {
		base = http.DefaultTransport
	}
	fault := f.match(req)
	if fault == nil {
		return base.RoundTrip(req)
	}
	switch fault.Kind {
	case Status:
		return answer(req, fault.status(), errorXML(fault.code()))
	case Reset:
		_ = discard(req)
		return nil, fmt.Errorf("injected: %w", syscall.ECONNRESET)
	case ErrorIn200:
		return answer(req, http.StatusOK, errorXML(fault.code()))
	case Stall:
		if err := wait(req, fault.Delay); err != nil {
			_ = discard(req)
			return nil, err
		}
		return base.RoundTrip(req)
	}
	resp, err := base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if fault.Kind == ResetAfter {
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		return nil, fmt.Errorf("injected: %w", syscall.ECONNRESET)
	}
	return cut(req, resp, fault)
}

// cut gives the response half of its body and then an error.
func cut(req *http.Request, resp *http.Response, fault *Fault) (*http.Response, error) {
	data, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	end := readerFunc(func([]byte) (int, error) { return 0, io.ErrUnexpectedEOF })
	if fault.Kind == StallBody {
		end = func([]byte) (int, error) {
			if err := wait(req, fault.Delay); err != nil {
				return 0, err
			}
			return 0, io.ErrUnexpectedEOF
		}
	}
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(data[:len(data)/2]), end))
	return resp, nil
}

type readerFunc func([]byte) (int, error)

func (r readerFunc) Read(p []byte) (int, error) { return r(p) }

// wait waits for d, or with none until the request is cancelled.
func wait(req *http.Request, d time.Duration) error {
	var end <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		end = timer.C
	}
	select {
	case <-end:
		return nil
	case <-req.Context().Done():
		return req.Context().Err()
	}
}

func (f *Fault) status() int {
	if f.Status == 0 {
		return http.StatusServiceUnavailable
	}
	return f.Status
}

func (f *Fault) code() string {
	switch {
	case f.Code != "":
		return f.Code
	case f.Kind == ErrorIn200 || f.Status == 500:
		return "InternalError"
	case f.Status == 403:
		return "AccessDenied"
	case f.Status == 404:
		return "NoSuchKey"
	}
	return "SlowDown"
}

func errorXML(code string) string {
	return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" + code + "</Code><Message>Injected by a fault.</Message></Error>"
}

func answer(req *http.Request, status int, body string) (*http.Response, error) {
	if err := discard(req); err != nil {
		return nil, err
	}
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/xml"}},
		ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)), Request: req,
	}, nil
}

// discard consumes and closes the request's body, as a RoundTripper must.
func discard(req *http.Request) error {
	if req.Body == nil {
		return nil
	}
	_, err := io.Copy(io.Discard, req.Body)
	return errors.Join(err, req.Body.Close())
}
