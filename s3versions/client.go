package s3versions

import (
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"github.com/cesnet/rwm/internal/s3err"
)

// Client sends the S3 requests that minio-go has no call for. It is safe for use by
// several goroutines.
type Client struct {
	client  *minio.Client
	http    *http.Client
	log     *slog.Logger
	onRetry func(Retry) // may be nil

	parallel int           // requests in flight at once
	timeout  time.Duration // of one request
	attempts int           // how often a request is tried
	backoff  time.Duration // before the second attempt, doubled for each further one

	known *endpoints
}

// endpoints remembers where the requests of each bucket go, and what the server can do.
type endpoints struct {
	mu sync.Mutex
	of map[string]endpoint

	region string // that the server wants for requests that concern no bucket

	listV1 atomic.Bool // it does not know ListObjectsV2
}

// Option changes how a Client works.
type Option func(*Client)

// WithTransport sets the round tripper that sends the requests. By default it is that
// of the *minio.Client.
func WithTransport(rt http.RoundTripper) Option {
	return func(c *Client) {
		c.http = nil // New takes the client's
		if rt != nil {
			c.http = &http.Client{Transport: rt, CheckRedirect: noRedirect}
		}
	}
}

// WithLogger sets where retries are logged; by default nowhere.
func WithLogger(log *slog.Logger) Option { return func(c *Client) { c.log = log } }

// WithParallel sets how many requests may be in flight at once (default 64; listings
// take at most 16). A transport that keeps fewer idle connections per host opens new
// ones all the time.
func WithParallel(n int) Option {
	return func(c *Client) {
		if n > 0 {
			c.parallel = n
		}
	}
}

// WithRequestTimeout bounds one attempt of a request (default two minutes).
func WithRequestTimeout(d time.Duration) Option {
	return func(c *Client) {
		if d > 0 {
			c.timeout = d
		}
	}
}

// WithRetries sets how often a request is tried in all when its failure may be
// transient, and the pause before the second try, doubled for each further one
// (default 6 and 250 ms).
func WithRetries(attempts int, backoff time.Duration) Option {
	return func(c *Client) {
		if attempts > 0 {
			c.attempts = attempts
		}
		c.backoff = backoff
	}
}

// made returns the Client itself, or one without a client where it is nil or was not
// made by New: each request is an error then, not a panic.
func (c *Client) made() *Client {
	if c == nil || c.client == nil {
		return New(nil)
	}
	return c
}

// New returns a Client that takes transport, endpoint, region, addressing style and
// credentials from client. It sends nothing. With a nil client every request is an
// error.
func New(client *minio.Client, opts ...Option) *Client {
	if client == nil {
		client = s3err.NoClient()
	}
	c := &Client{
		client:   client,
		parallel: 64,
		timeout:  2 * time.Minute,
		attempts: 6,
		backoff:  250 * time.Millisecond,
		known:    &endpoints{of: make(map[string]endpoint)},
	}
	for _, opt := range opts {
		if opt != nil {
			opt(c)
		}
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.http == nil {
		c.http = &http.Client{Transport: client.CredContext().Client.Transport, CheckRedirect: noRedirect}
	}
	return c
}

// noRedirect keeps a signed request from being sent elsewhere.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// OnRetry returns a Client that works as c does and calls fn, from any goroutine,
// before it repeats a request.
func (c *Client) OnRetry(fn func(Retry)) *Client {
	c = c.made()
	d := *c
	d.onRetry = fn
	return &d
}

// Forget drops what the Client remembers about a bucket, as after its removal.
func (c *Client) Forget(bucket string) {
	c = c.made()
	c.known.mu.Lock()
	defer c.known.mu.Unlock()
	delete(c.known.of, bucket)
}

// CheckBucketName refuses names that no bucket can have, with ErrInvalid.
func CheckBucketName(bucket string) error {
	if err := s3utils.CheckValidBucketName(bucket); err != nil {
		return fmt.Errorf("%w: bucket name %q: %v", ErrInvalid, bucket, err)
	}
	return nil
}
