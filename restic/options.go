package restic

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/restic/restic/rwmlink/repository"
	"github.com/restic/restic/rwmlink/restic"
)

// Option changes how Init and Open work. Options are checked before anything is sent.
type Option func(*options)

type options struct {
	cacheDir    string
	noCache     bool
	connections uint
	logger      *slog.Logger
	clock       func() time.Time
	packSize    uint
	compression Compression
	retryLock   time.Duration
	readOnly    bool
	hostname    string
	up, down    int
	version     uint
	retryFor    time.Duration
	stallAfter  time.Duration
	extraVerify bool
	keyHint     string
	chunkerOf   *Session
	noPassword  bool

	storageClass string
}

const (
	defaultConnections = 16
	defaultRetryFor    = 5 * time.Minute
	defaultStallAfter  = 2 * time.Minute
)

// WithCacheDir keeps the local copies of indexes, snapshots and trees below dir, in one directory per repository. The default is
// the directory rwm/restic in the user's cache directory (os.UserCacheDir); without one there is no cache.
func WithCacheDir(dir string) Option { return func(o *options) { o.cacheDir = dir } }

// WithoutCache keeps no local copies.
func WithoutCache() Option { return func(o *options) { o.noCache = true } }

// WithConnections sets how many requests run at the same time. The default is 16.
func WithConnections(n uint) Option { return func(o *options) { o.connections = n } }

// WithStorageClass stores what is written to S3 in a storage class such as STANDARD_IA. One that cannot be read at once, GLACIER or DEEP_ARCHIVE, is
// for packs of data alone.
func WithStorageClass(class string) Option { return func(o *options) { o.storageClass = class } }

// WithLogger logs retries, removed stale locks and the like. The default is to log nothing.
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.logger = l } }

// WithClock replaces time.Now where a time is recorded or compared: snapshot times, the age of other people's locks. The engine's
// own lock keeps real time.
func WithClock(now func() time.Time) Option { return func(o *options) { o.clock = now } }

// WithPackSize sets the size in bytes that packs are filled to: 4 MiB to 128 MiB, 16 MiB by default.
func WithPackSize(bytes uint) Option { return func(o *options) { o.packSize = bytes } }

// WithCompression sets how hard data is compressed. The default is CompressionAuto.
func WithCompression(c Compression) Option { return func(o *options) { o.compression = c } }

// WithRetryLock waits up to d for a lock held by somebody else. The default is not to wait.
func WithRetryLock(d time.Duration) Option { return func(o *options) { o.retryLock = d } }

// WithoutLock opens the repository for reading only, without a lock: whatever writes returns ErrReadOnly, but a dry run. It is meant
// for credentials and locations that cannot write. A prune that runs elsewhere at the same time may take away what is being read.
func WithoutLock() Option { return func(o *options) { o.readOnly = true } }

// WithHostname sets the host name that new snapshots get. The default is the name of this host.
func WithHostname(name string) Option { return func(o *options) { o.hostname = name } }

// WithLimits bounds the rates, in KiB/s, of all uploads and of all downloads. 0 means unlimited.
func WithLimits(upKiB, downKiB int) Option { return func(o *options) { o.up, o.down = upKiB, downKiB } }

// WithRepositoryVersion sets the format version that Init uses: 1 or 2, and 2 by default.
func WithRepositoryVersion(v uint) Option { return func(o *options) { o.version = v } }

// WithRetryFor sets how long a failing request is made again, with growing pauses, once the storage has been reached. The default is
// 5 minutes; 0 means one more attempt only.
//
// What cannot get better is not tried again: a missing bucket, refused credentials, a denied request, a missing object. Neither is a
// storage that never answered, so a wrong endpoint fails at once.
func WithRetryFor(d time.Duration) Option { return func(o *options) { o.retryFor = d } }

// WithStallTimeout sets how long a request may go without a single byte moving before it is given up and made again. The default is 2 minutes.
func WithStallTimeout(d time.Duration) Option { return func(o *options) { o.stallAfter = d } }

// WithoutExtraVerify leaves out decrypting every blob again before it is stored, as restic's --no-extra-verify. It saves a
// little CPU and gives up the protection against faulty memory.
func WithoutExtraVerify() Option { return func(o *options) { o.extraVerify = false } }

// WithChunkerOf makes Init cut files where the repository of another session does, so that data copied from there is shared with
// what is backed up. That session must stay open until Init returns.
func WithChunkerOf(other *Session) Option { return func(o *options) { o.chunkerOf = other } }

// WithKeyHint makes Open try the key whose ID begins with prefix first, which saves key derivations where a repository has many keys.
func WithKeyHint(prefix string) Option { return func(o *options) { o.keyHint = prefix } }

// WithEmptyPassword lets Init make a repository with an empty password, which protects nothing.
func WithEmptyPassword() Option { return func(o *options) { o.noPassword = true } }

// ValidateOptions says what is wrong with the options, as Init and Open do first.
func ValidateOptions(opts ...Option) error {
	_, err := newOptions(opts)
	return err
}

func newOptions(opts []Option) (options, error) {
	o := options{
		connections: defaultConnections,
		clock:       time.Now,
		version:     restic.StableRepoVersion,
		retryFor:    defaultRetryFor,
		stallAfter:  defaultStallAfter,
		extraVerify: true,
	}
	for _, opt := range opts {
		opt(&o)
	}
	if o.logger == nil {
		o.logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	return o, o.check()
}

func (o *options) check() error {
	if o.connections == 0 {
		return fmt.Errorf("invalid number of connections: 0")
	}
	if o.packSize != 0 && (o.packSize < repository.MinPackSize || o.packSize > repository.MaxPackSize) {
		return fmt.Errorf("invalid pack size %d bytes: %d to %d MiB allowed", o.packSize, repository.MinPackSize>>20, repository.MaxPackSize>>20)
	}
	if o.compression.mode() == repository.CompressionInvalid {
		return fmt.Errorf("invalid compression %v", o.compression)
	}
	if o.version < restic.MinRepoVersion || o.version > restic.MaxRepoVersion {
		return fmt.Errorf("invalid repository version %d: %d to %d allowed", o.version, restic.MinRepoVersion, restic.MaxRepoVersion)
	}
	if o.up < 0 || o.down < 0 {
		return fmt.Errorf("invalid limits %d and %d KiB/s: they cannot be negative", o.up, o.down)
	}
	if o.stallAfter <= 0 {
		return fmt.Errorf("invalid stall timeout %v", o.stallAfter)
	}
	if o.retryFor < 0 || o.retryLock < 0 {
		return fmt.Errorf("invalid retry time: it cannot be negative")
	}
	return nil
}

func (o *options) engine() repository.Options {
	return repository.Options{Compression: o.compression.mode(), PackSize: o.packSize, NoExtraVerify: !o.extraVerify}
}
