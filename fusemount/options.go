package fusemount

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/cesnet/rwm/restic"
)

// Options configures a mount. The zero value shows what `restic mount` shows.
type Options struct {
	// Filter selects the snapshots to show, also by IDs and Latest.
	Filter restic.SnapshotFilter
	// PathTemplates are the directories that snapshots appear in. %i is the short and
	// %I the long ID of a snapshot, %u its user, %h its host, %t each of its tags, %T
	// its time. A template that ends in %T also gets a link "latest" to the newest
	// snapshot. The default is DefaultPathTemplates.
	PathTemplates []string
	// TimeTemplate is the layout of %T, as for time.Time.Format. The default is
	// time.RFC3339.
	TimeTemplate string

	// OwnerRoot makes root the owner of everything.
	OwnerRoot bool
	// AllowOther admits other users. The kernel then checks the permissions in the
	// backup, unless NoDefaultPermissions is set. For users other than root,
	// /etc/fuse.conf must allow it.
	AllowOther bool
	// NoDefaultPermissions, together with AllowOther, lets every user read everything.
	NoDefaultPermissions bool

	// CacheSize bounds, in bytes, the plain data that is kept in memory and prefetched.
	// The default, 0, is DefaultCacheSize, the minimum MinCacheSize. The kernel's page
	// cache, which also keeps what was read, does not count.
	CacheSize int64
	// ReadTimeout is how long a load from the storage may take before the read fails
	// with an input/output error. The default, 0, is a minute.
	ReadTimeout time.Duration
	// RefreshInterval is the minimum time between two listings of new snapshots, which
	// happen when a program lists the snapshots. The default, 0, is 5 seconds.
	RefreshInterval time.Duration

	// Logger receives problems: damaged blobs, failed loads. The default is to log
	// nothing.
	Logger *slog.Logger
}

// Defaults and limits of Options.
const (
	DefaultCacheSize = 128 << 20
	MinCacheSize     = 16 << 20
)

// DefaultPathTemplates are the directories that restic shows.
func DefaultPathTemplates() []string {
	return []string{"ids/%i", "snapshots/%T", "hosts/%h/%T", "tags/%t/%T"}
}

// complete fills in the defaults and rejects invalid values.
func (o Options) complete() (Options, error) {
	if o.PathTemplates == nil {
		o.PathTemplates = DefaultPathTemplates()
	}
	for _, t := range o.PathTemplates {
		if t == "" {
			return o, fmt.Errorf("an empty path template")
		}
	}
	if o.TimeTemplate == "" {
		o.TimeTemplate = time.RFC3339
	}
	if strings.HasPrefix(o.TimeTemplate, "/") || strings.HasSuffix(o.TimeTemplate, "/") {
		return o, fmt.Errorf("time template %q begins or ends with /", o.TimeTemplate)
	}
	if o.CacheSize == 0 {
		o.CacheSize = DefaultCacheSize
	}
	if o.CacheSize < MinCacheSize {
		return o, fmt.Errorf("a cache of %d bytes is too small: at least %d MiB are needed", o.CacheSize, MinCacheSize>>20)
	}
	if o.ReadTimeout == 0 {
		o.ReadTimeout = time.Minute
	}
	if o.RefreshInterval == 0 {
		o.RefreshInterval = 5 * time.Second
	}
	if o.ReadTimeout < 0 || o.RefreshInterval < 0 {
		return o, fmt.Errorf("a negative time")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o, nil
}
