package restic

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
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
	newBucket   bool
	freshStart  bool
	events      *emitter // nil if nobody listens

	storageClass string
	lockDir      string

	ahead aheadOptions
	meter *meterLimits // counts and bounds requests; nil does not
	proof bool         // the cache is that of proofs
}

const (
	defaultConnections = 16
	defaultRetryFor    = 5 * time.Minute
	defaultStallAfter  = 2 * time.Minute
)

// WithCacheDir keeps the local copies of indexes, snapshots and trees below dir, in one
// directory per repository, and the name of the key that opened each bucket the last
// time. The default is the directory rwm/restic in the user's cache directory
// (os.UserCacheDir); without one there is no cache.
func WithCacheDir(dir string) Option { return func(o *options) { o.cacheDir = dir } }

// WithLockDir sets the directory in which the processes on this host show each other
// that the holder of a lock is still running. Its lock is then never removed for its
// age, and the lock of a process that ended is removed at once. This works only between
// processes with the same directory. The default is "locks" in the directory of
// [WithCacheDir], or [UserLockDir] if that is not given either. With [WithoutCache]
// alone nothing is shown, and only its age makes a lock stale.
func WithLockDir(dir string) Option { return func(o *options) { o.lockDir = dir } }

// WithoutCache keeps no local copies. Without [WithLockDir] a lock that a process of
// this host has left behind is then stale only by its age.
func WithoutCache() Option { return func(o *options) { o.noCache = true } }

// WithConnections sets how many requests run at the same time, like restic's
// -o s3.connections. The default is 16.
func WithConnections(n uint) Option { return func(o *options) { o.connections = n } }

// WithStorageClass stores what is written to S3 in a storage class such as STANDARD_IA.
// A class that cannot be read at once, such as GLACIER or DEEP_ARCHIVE, is used for
// packs of data only.
func WithStorageClass(class string) Option { return func(o *options) { o.storageClass = class } }

// WithLogger logs retries, removed stale locks and the like. The default is to log
// nothing.
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.logger = l } }

// WithClock replaces time.Now where a time is recorded: the times of snapshots. Locks,
// one's own and others', are always judged by real time.
func WithClock(now func() time.Time) Option { return func(o *options) { o.clock = now } }

// WithPackSize sets the target size of packs in bytes: 4 MiB to 128 MiB. The default,
// 0, is 16 MiB.
func WithPackSize(bytes uint) Option { return func(o *options) { o.packSize = bytes } }

// WithCompression sets how hard data is compressed. The default is CompressionAuto.
func WithCompression(c Compression) Option { return func(o *options) { o.compression = c } }

// WithRetryLock waits up to d for a conflicting lock. The default is not to wait.
func WithRetryLock(d time.Duration) Option { return func(o *options) { o.retryLock = d } }

// WithoutLock opens the repository for reading only, without a lock: every call that
// writes returns ErrReadOnly, except a dry run. It is meant for credentials and
// locations that cannot write. A prune that runs elsewhere at the same time may remove
// data that is being read.
func WithoutLock() Option { return func(o *options) { o.readOnly = true } }

// WithHostname sets the host name that new snapshots get. The default is the name of
// this host.
func WithHostname(name string) Option { return func(o *options) { o.hostname = name } }

// WithLimits bounds the rates, in KiB/s, of all uploads and of all downloads. 0 means
// unlimited. Session.SetLimits changes them later.
func WithLimits(upKiB, downKiB int) Option { return func(o *options) { o.up, o.down = upKiB, downKiB } }

// WithRepositoryVersion sets the format version that Init uses: 1 or 2, and 2 by
// default.
func WithRepositoryVersion(v uint) Option { return func(o *options) { o.version = v } }

// WithRetryFor sets how long a failing request is retried, with growing pauses, once
// the storage has answered. The default is 5 minutes; 0 means a single retry.
//
// Permanent failures are not retried: a missing bucket, rejected credentials, a denied
// request, a missing object. Neither is a storage that has never answered, so a wrong
// endpoint fails at once.
func WithRetryFor(d time.Duration) Option { return func(o *options) { o.retryFor = d } }

// WithStallTimeout sets how long a request may stall, with no byte moving, before it is
// aborted and retried. The default is 2 minutes.
func WithStallTimeout(d time.Duration) Option { return func(o *options) { o.stallAfter = d } }

// WithoutExtraVerify skips the decryption of every blob before it is stored, like
// restic's --no-extra-verify. It saves some CPU time but loses the protection against
// faulty memory.
func WithoutExtraVerify() Option { return func(o *options) { o.extraVerify = false } }

// WithChunkerOf makes Init cut files as the repository of another session does, so that
// data copied from there is shared with new backups. That session must stay open until
// Init returns.
func WithChunkerOf(other *Session) Option { return func(o *options) { o.chunkerOf = other } }

// WithKeyHint makes Open try the key whose ID begins with prefix first, which saves key
// derivations where a repository has many keys.
func WithKeyHint(prefix string) Option { return func(o *options) { o.keyHint = prefix } }

// WithEmptyPassword lets Init make a repository with an empty password, which protects
// nothing.
func WithEmptyPassword() Option { return func(o *options) { o.noPassword = true } }

// WithNewBucket lets Init make the bucket of an S3 location if there is none, as restic
// does. A BucketMade event reports it (WithEvents): such a bucket keeps no versions and
// has no policy, so nothing in it is protected.
func WithNewBucket() Option { return func(o *options) { o.newBucket = true } }

// ValidateOptions validates the options, as Init and Open do first.
func ValidateOptions(opts ...Option) error {
	_, err := newOptions(opts)
	return err
}

var errNoLocation = errors.New("no location of a repository is given")

func newOptionsAt(loc Location, opts []Option) (options, error) {
	if loc == nil {
		return options{}, errNoLocation
	}
	o, err := newOptions(opts)
	if err != nil {
		return o, fmt.Errorf("%s: %w", loc, err)
	}
	return o, nil
}

func newOptions(opts []Option) (options, error) {
	o := options{
		connections: defaultConnections,
		clock:       time.Now,
		version:     engrestic.StableRepoVersion,
		retryFor:    defaultRetryFor,
		stallAfter:  defaultStallAfter,
		extraVerify: true,
	}
	for i, opt := range opts {
		if opt == nil {
			return o, fmt.Errorf("option %d is nil", i+1)
		}
		opt(&o)
	}
	if o.logger == nil {
		o.logger = slog.New(slog.DiscardHandler)
	}
	return o, o.check()
}

func (o *options) check() error {
	if o.clock == nil {
		return errors.New("the clock is nil")
	}
	if o.connections == 0 {
		return fmt.Errorf("invalid number of connections: 0")
	}
	if o.packSize != 0 && (o.packSize < engrepository.MinPackSize || o.packSize > engrepository.MaxPackSize) {
		return fmt.Errorf("invalid pack size %d bytes: %d to %d MiB allowed", o.packSize, engrepository.MinPackSize>>20, engrepository.MaxPackSize>>20)
	}
	if o.compression.mode() == engrepository.CompressionInvalid {
		return fmt.Errorf("invalid compression %v", o.compression)
	}
	if o.version < engrestic.MinRepoVersion || o.version > engrestic.MaxRepoVersion {
		return fmt.Errorf("invalid repository version %d: %d to %d allowed", o.version, engrestic.MinRepoVersion, engrestic.MaxRepoVersion)
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

func (o *options) engine() engrepository.Options {
	return engrepository.Options{Compression: o.compression.mode(), PackSize: o.packSize, NoExtraVerify: !o.extraVerify}
}
