package s3state

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
	"github.com/minio/minio-go/v7"
)

// Store operates on versioned buckets through one S3 client. It is safe for
// use by several goroutines.
type Store struct {
	client *minio.Client
	core   minio.Core
	s3     *s3versions.Client
	log    *slog.Logger
	now    func() time.Time

	parallel int           // requests in flight at once
	timeout  time.Duration // of one request
	attempts int           // how often a request is tried
	readMost int           // objects of a kind that a history reads, 0 for the default

	adminPrincipal string
	copyLimit      int64 // larger objects are copied in parts
	partSize       int64
	guardEvery     time.Duration // between checks that a restore's target is still its own
	trialWait      time.Duration // for a new policy to be applied

	promised      func(bucket string) Promise        // nil if nothing is known
	settingsKnown func(bucket string) *KnownSettings // see WithKnownSettings
	versions      []s3versions.Option                // for s3

	// onSetting is told of settings that the Store changes, may be nil.
	onSetting func(bucket, setting string, before, after []string)

	listed listed
	md5s   sync.Map // by bucket, see etagsAreMD5
	right  sync.Map // by bucket, key and version, see rightBytes
}

// Option changes how a Store works.
type Option func(*Store)

// WithTransport sets the round tripper for the requests that minio-go has no call for
// (see package s3versions). The default is the round tripper of the *minio.Client.
func WithTransport(rt http.RoundTripper) Option {
	return func(s *Store) { s.versions = append(s.versions, s3versions.WithTransport(rt)) }
}

// WithLogger sets where retries and tolerated oddities are logged; by default
// nowhere.
func WithLogger(log *slog.Logger) Option { return func(s *Store) { s.log = log } }

// WithClock sets the clock that names states and stamps their time_start and
// time_end; its location is the zone they are written in.
func WithClock(now func() time.Time) Option { return func(s *Store) { s.now = now } }

// WithParallel sets how many requests are in flight at once (default 64; listings and
// deletions take at most 16), both those that minio-go sends and those of
// [Store.Client]. A transport that keeps fewer idle connections per host opens new ones
// all the time.
func WithParallel(n int) Option {
	return func(s *Store) {
		if n > 0 {
			s.parallel = n
		}
	}
}

// WithRequestTimeout bounds one attempt of a request (default two minutes), also of
// [Store.Client]. Copies get one more second for every 10 MiB.
func WithRequestTimeout(d time.Duration) Option {
	return func(s *Store) {
		if d > 0 {
			s.timeout = d
		}
	}
}

// tidyTime bounds what is still done after an operation's context has ended.
const tidyTime = 20 * time.Second

// afterwards is the context for leaving a bucket as it should be: it goes on when ctx
// has ended, but not for as long as a server that does not answer is asked otherwise.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), tidyTime)
}

// WithRetries sets how often a request is tried in all when its failure may be
// transient, and the pause before the second try, doubled for each further one (default
// 6 and 250 ms), also of [Store.Client].
func WithRetries(attempts int, backoff time.Duration) Option {
	return func(s *Store) {
		if attempts > 0 {
			s.attempts = attempts
		}
		s.versions = append(s.versions, s3versions.WithRetries(attempts, backoff))
	}
}

// WithAdminPrincipal names the admin's principal for Create and Restore on providers
// where it cannot be told from the bucket owner's id (on Ceph RGW it can), for example
// "arn:aws:iam::123456789012:user/backup-admin". In an account of Ceph a user's name is
// enough.
func WithAdminPrincipal(principal string) Option {
	return func(s *Store) { s.adminPrincipal = principal }
}

// made returns the Store itself, or one without a client where it is nil or was not
// made by New: each request is an error then, not a panic.
func (s *Store) made() *Store {
	if s == nil || s.s3 == nil {
		return New(nil)
	}
	return s
}

// New returns a Store that works through client and its transport. With a nil client
// every request is an error; nil options are ignored.
func New(client *minio.Client, opts ...Option) *Store {
	if client == nil {
		client = s3err.NoClient()
	}
	s := &Store{
		client:     client,
		core:       minio.Core{Client: client},
		now:        time.Now,
		parallel:   64,
		timeout:    2 * time.Minute,
		attempts:   6,
		copyLimit:  5 << 30,
		partSize:   1 << 30,
		guardEvery: time.Second,
		trialWait:  trialWait,
	}
	for _, opt := range opts {
		if opt != nil {
			opt(s)
		}
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.s3 = s3versions.New(client, append(s.versions,
		s3versions.WithLogger(s.log), s3versions.WithParallel(s.parallel), s3versions.WithRequestTimeout(s.timeout))...)
	return s
}

// Client returns the client that the Store uses for requests minio-go has no call for.
func (s *Store) Client() *s3versions.Client { return s.made().s3 }
