package s3state

import (
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
)

// Store operates on versioned buckets through one S3 client. It is safe for
// use by several goroutines.
type Store struct {
	client *minio.Client
	core   minio.Core
	http   *http.Client
	log    *slog.Logger
	now    func() time.Time

	parallel int           // requests under way at once
	timeout  time.Duration // of one request
	attempts int           // how often a request is tried
	backoff  time.Duration // before the second attempt, doubled for each further one

	adminPrincipal string
	copyLimit      int64 // larger objects are copied in parts
	partSize       int64
	guardEvery     time.Duration // between looks whether a restore's target is still its own

	mu   sync.Mutex
	base map[string]place // per bucket
}

// Option changes how a Store works.
type Option func(*Store)

// WithTransport gives the round tripper for the requests that minio-go has no
// call for (version listings, batch deletes). Pass the one the client uses, or
// its TLS settings will be missing there.
func WithTransport(rt http.RoundTripper) Option {
	return func(s *Store) { s.http = &http.Client{Transport: rt, CheckRedirect: noRedirect} }
}

// WithLogger sets where retries and tolerated oddities are logged; by default
// nowhere.
func WithLogger(log *slog.Logger) Option { return func(s *Store) { s.log = log } }

// WithClock sets the clock that names states and stamps their time_start and
// time_end; its location is the zone they are written in.
func WithClock(now func() time.Time) Option { return func(s *Store) { s.now = now } }

// WithParallel sets how many requests are under way at once (default 64; listings
// and deletions take at most 16). A transport with fewer idle connections per
// host keeps making new ones.
func WithParallel(n int) Option {
	return func(s *Store) {
		if n > 0 {
			s.parallel = n
		}
	}
}

// WithRequestTimeout bounds one request (default two minutes). Copies get one
// more second for every 10 MiB.
func WithRequestTimeout(d time.Duration) Option {
	return func(s *Store) {
		if d > 0 {
			s.timeout = d
		}
	}
}

// WithRetries sets how often a request that may succeed later is tried in all,
// and the pause before the second try, doubled for each further one (default
// 6 and 250 ms).
func WithRetries(attempts int, backoff time.Duration) Option {
	return func(s *Store) {
		if attempts > 0 {
			s.attempts = attempts
		}
		s.backoff = backoff
	}
}

// WithAdminPrincipal names the admin's principal for Create and Restore on
// providers where it cannot be told from the bucket owner's id (on Ceph RGW it
// can), for example "arn:aws:iam::123456789012:user/backup-admin".
func WithAdminPrincipal(principal string) Option {
	return func(s *Store) { s.adminPrincipal = principal }
}

// New returns a Store that works through client.
func New(client *minio.Client, opts ...Option) *Store {
	s := &Store{
		client:     client,
		core:       minio.Core{Client: client},
		log:        slog.New(slog.NewTextHandler(io.Discard, nil)),
		now:        time.Now,
		parallel:   64,
		timeout:    2 * time.Minute,
		attempts:   6,
		backoff:    250 * time.Millisecond,
		copyLimit:  5 << 30,
		partSize:   1 << 30,
		guardEvery: time.Second,
		base:       make(map[string]place),
	}
	for _, opt := range opts {
		opt(s)
	}
	if s.http == nil {
		// The same settings minio-go uses when it is given no transport.
		if rt, err := minio.DefaultTransport(client.EndpointURL().Scheme == "https"); err == nil {
			s.http = &http.Client{Transport: rt, CheckRedirect: noRedirect}
		} else {
			s.http = &http.Client{CheckRedirect: noRedirect}
		}
	}
	return s
}

// noRedirect keeps a signed request from being sent elsewhere.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// reporter delivers the events of one operation one at a time.
type reporter struct {
	mu sync.Mutex
	fn func(Event)
}

func newReporter(fn func(Event)) *reporter { return &reporter{fn: fn} }

func (r *reporter) emit(e Event) {
	if r == nil || r.fn == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fn != nil {
		r.fn(e)
	}
}

// close makes sure that nothing is reported after the operation has returned.
func (r *reporter) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fn = nil
}
