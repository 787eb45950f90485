package s3dev

import (
	"net"
	"sync"
	"weak"
)

// connections knows which connections have had a request, so that Close can
// cut the idle ones: the front end would wait ten seconds for them.
type connections struct {
	mu       sync.Mutex
	open     map[weak.Pointer[net.TCPConn]]struct{}
	prune    int
	requests int
}

// request notes a request on conn; the function it returns notes its end.
func (cs *connections) request(conn net.Conn) func() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.requests++
	if tc, ok := conn.(*net.TCPConn); ok {
		if cs.open == nil {
			cs.open = map[weak.Pointer[net.TCPConn]]struct{}{}
		}
		cs.open[weak.Make(tc)] = struct{}{}
		if len(cs.open) > max(cs.prune, 256) {
			for p := range cs.open {
				if p.Value() == nil {
					delete(cs.open, p)
				}
			}
			cs.prune = 2 * len(cs.open)
		}
	}
	return func() {
		cs.mu.Lock()
		defer cs.mu.Unlock()
		cs.requests--
	}
}

func (cs *connections) busy() bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.requests > 0
}

// forget stops waiting for the requests in flight.
func (cs *connections) forget() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.requests = 0
}

func (cs *connections) close() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for p := range cs.open {
		if conn := p.Value(); conn != nil {
			_ = conn.Close()
		}
	}
	cs.open = nil
}
