package fusemount

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/cesnet/rwm/restic"
)

// Options is what a mount can be told. The zero value shows what `restic mount` shows.
type Options struct {
	// Filter selects the snapshots that are shown. IDs and Latest of it work as well.
	Filter restic.SnapshotFilter
	// PathTemplates are the directories that snapshots appear in. %i is the short and %I the long ID of a snapshot, %u its user, %h its
	// host, %t each of its tags, %T its time. Where a template ends in %T there is a link "latest" to the newest. The default is
	// DefaultPathTemplates.
	PathTemplates []string
	// TimeTemplate is the layout that %T has, as time.Time.Format takes it. The default is time.RFC3339.
	TimeTemplate string

	// OwnerRoot makes root the owner of everything.
	OwnerRoot bool
	// AllowOther lets other users in. The kernel then checks the permissions that were backed up, unless NoDefaultPermissions is set.
	// Without root, /etc/fuse.conf has to allow it.
	AllowOther bool
	// NoDefaultPermissions, together with AllowOther, lets everybody read everything.
	NoDefaultPermissions bool

	// CacheSize bounds, in bytes, the plain data that is kept in memory and read ahead. The default is DefaultCacheSize, the
	// least is MinCacheSize. What has been read also stays in the kernel's page cache, which does not count.
	CacheSize int64
	// ReadTimeout is how long the storage may take to deliver before a read fails with an input/output error. The default is a minute.
	ReadTimeout time.Duration
	// RefreshInterval is how often, at most, the storage is asked for new snapshots; it is asked when somebody looks at
	// the list. The default is 5 seconds.
	RefreshInterval time.Duration

	// Logger gets what goes wrong: damaged blobs, failed loads. The default is to log nothing.
	Logger *slog.Logger
}

// Defaults and limits of Options.
const (
	DefaultCacheSize = 128 << 20
	MinCacheSize     = 16 << 20
)

// DefaultPathTemplates are the directories restic shows.
func DefaultPathTemplates() []string {
	return []string{"ids/%i", "snapshots/%T", "hosts/%h/%T", "tags/%t/%T"}
}

// complete fills in the defaults and refuses what makes no sense.
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
		o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	return o, nil
}
