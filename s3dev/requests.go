package s3dev

import (
	"sync"
	"time"
)

// maxRequests bounds the request log.
const maxRequests = 100_000

// Request is one request the server saw.
type Request struct {
	Time      time.Time `json:"time"`
	Method    string    `json:"method"`
	Path      string    `json:"path"`  // "/bucket/key", unescaped
	Query     string    `json:"query"` // as sent
	AccessKey string    `json:"access_key,omitempty"`
	Status    int       `json:"status"`
	Fault     FaultKind `json:"fault,omitempty"` // the fault applied, if any
}

func (r Request) target() string {
	if r.Query == "" {
		return r.Path
	}
	return r.Path + "?" + r.Query
}

// requestLog keeps the latest requests, up to maxRequests.
type requestLog struct {
	mu   sync.Mutex
	list []Request
}

func (l *requestLog) add(r Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) >= maxRequests {
		l.list = append(l.list[:0], l.list[maxRequests/2:]...)
	}
	l.list = append(l.list, r)
}

func (l *requestLog) all() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Request{}, l.list...)
}

func (l *requestLog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = nil
}
