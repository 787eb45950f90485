package s3dev

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/middlewares"
)

// Config describes a server; only Users is required.
type Config struct {
	Listen    string        // host:port, "127.0.0.1:0" when empty; port 0 picks a free one
	Region    string        // "us-east-1" when empty
	Users     []User        // at least one
	Dialect   Dialect       // AWS when empty
	Traits    *Traits       // instead of the dialect's own
	Latency   time.Duration // added to every request
	Faults    []Fault
	Synthetic []Synthetic
	Logger    *slog.Logger // failures of the server itself; nil drops them
}

// Server is a running S3 server. Its methods may be used at any time, from
// any goroutine.
type Server struct {
	url     string
	mem     *memory
	clock   *Clock
	faults  faults
	log     requestLog
	latency atomic.Int64
	logger  *slog.Logger
	conns   connections

	api       *s3api.S3ApiServer
	served    chan error
	closing   chan struct{}
	closeOnce sync.Once
}

// Start runs a server that holds everything in memory. It is ready when Start
// returns and stops at Close or when ctx ends.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if len(cfg.Users) == 0 {
		return nil, errors.New("s3dev: at least one user is needed")
	}
	traits, err := cfg.Dialect.Traits()
	if err != nil {
		return nil, fmt.Errorf("s3dev: %w", err)
	}
	if cfg.Traits != nil {
		traits = *cfg.Traits
	}
	ids, err := newIdentities(cfg.Users)
	if err != nil {
		return nil, fmt.Errorf("s3dev: %w", err)
	}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{clock: &Clock{}, logger: cfg.Logger, closing: make(chan struct{})}
	s.mem = newMemory(ids, s.clock, traits)
	s.mem.tick()
	s.clock.onMove(s.mem.tick)
	s.SetLatency(cfg.Latency)
	for _, f := range cfg.Faults {
		if err := s.Inject(f); err != nil {
			return nil, err
		}
	}
	for _, syn := range cfg.Synthetic {
		if err := s.mem.addSynthetic(syn, cfg.Users[0].OwnerID()); err != nil {
			return nil, fmt.Errorf("s3dev: %w", err)
		}
	}
	if err := s.listen(cfg); err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = s.Close() })
	return s, nil
}

// listen finds the port and waits until the server answers on it. The front
// end cannot report the port of ":0", so one is found by opening and closing
// it; should another process take it in between, another is tried.
func (s *Server) listen(cfg Config) error {
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return fmt.Errorf("s3dev: listen address: %w", err)
	}
	for attempt := 0; ; attempt++ {
		addr := cfg.Listen
		if port == "0" {
			if addr, err = freePort(host); err != nil {
				return fmt.Errorf("s3dev: %w", err)
			}
		}
		if err = s.serve(cfg, addr); err == nil {
			s.url = "http://" + reachable(addr)
			return nil
		}
		if port != "0" || attempt == 20 {
			return fmt.Errorf("s3dev: listen on %s: %w", addr, err)
		}
	}
}

func freePort(host string) (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// reachable turns a wildcard address into one a client can dial.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return addr
}

func (s *Server) serve(cfg Config, addr string) error {
	// There has to be a root user; nobody knows its keys.
	root := middlewares.RootUserConfig{Access: "root" + rand.Text(), Secret: rand.Text() + rand.Text()}
	ready := make(chan struct{})
	api, err := s3api.New(s.mem, root, cfg.Region, s.mem.ids, nil, nil, nil, nil,
		s3api.WithQuiet(),
		s3api.WithKeepAlive(),
		s3api.WithConcurrencyLimiter(64<<10, 64<<10),
		s3api.WithMiddleware("/", s.handle),
		s3api.WithOnListen(func() { close(ready) }),
	)
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- api.ServeMultiPort([]string{addr}) }()
	select {
	case err := <-served:
		if err == nil {
			err = errors.New("stopped at once")
		}
		return err
	case <-ready:
		s.api, s.served = api, served
		return nil
	}
}

// closeWithin bounds the wait for requests in flight.
const closeWithin = 500 * time.Millisecond

// Close stops the server and drops all it holds. Requests in flight get half
// a second to be worked off, then all connections are cut: a client that still waits
// for an answer may miss it. It may be called more than once.
func (s *Server) Close() error {
	s.closeOnce.Do(func() {
		close(s.closing)
		done := make(chan error, 1)
		go func() { done <- s.api.ShutDown() }()
		end, cancel := context.WithTimeout(context.Background(), closeWithin)
		defer cancel()
		for s.conns.busy() {
			select {
			case <-end.Done():
				s.conns.forget()
			case <-time.After(time.Millisecond):
			}
		}
		s.conns.close()
		select {
		case <-s.served:
		case <-done:
		case <-end.Done():
		}
		s.mem.reset()
	})
	return nil
}

// URL is the server's endpoint, for path-style requests.
func (s *Server) URL() string { return s.url }

// Clock is the time stamped on what is stored.
func (s *Server) Clock() *Clock { return s.clock }

// SetLatency makes every request take d longer.
func (s *Server) SetLatency(d time.Duration) { s.latency.Store(int64(d)) }

// Inject adds a fault behind those in force.
func (s *Server) Inject(f Fault) error {
	if err := s.faults.add(f); err != nil {
		return fmt.Errorf("s3dev: %w", err)
	}
	return nil
}

// ClearFaults removes all faults.
func (s *Server) ClearFaults() { s.faults.clear() }

// Requests returns the requests seen since the start or the last reset, the
// latest 100,000 at most.
func (s *Server) Requests() []Request { return s.log.all() }

// ResetRequests empties the request log.
func (s *Server) ResetRequests() { s.log.reset() }

// AddSynthetic adds a bucket whose listing is generated.
func (s *Server) AddSynthetic(syn Synthetic) error {
	if err := s.mem.addSynthetic(syn, syn.Owner); err != nil {
		return fmt.Errorf("s3dev: %w", err)
	}
	return nil
}

// RunLifecycle applies the lifecycle rules of all buckets at once, as they stand
// at the clock's present time, and returns what that did. Without it they run
// at every midnight (UTC) that the clock passes, moved or not.
func (s *Server) RunLifecycle() []LifecycleEvent { return s.mem.run() }

// LifecycleEvents returns what lifecycle has done since the start or Reset,
// the latest million events at most.
func (s *Server) LifecycleEvents() []LifecycleEvent {
	s.mem.expiry.mu.Lock()
	defer s.mem.expiry.mu.Unlock()
	return slices.Clone(s.mem.expiry.events)
}

// Principal is how a bucket policy names the user on this server.
func (s *Server) Principal(u User) string { return s.mem.traits.principal(u) }

// Reset makes the server as new: no buckets, no faults, no latency, an empty
// log and the real time.
func (s *Server) Reset() {
	s.mem.reset()
	s.ClearFaults()
	s.ResetRequests()
	s.SetLatency(0)
	s.clock.Set(time.Now())
}
