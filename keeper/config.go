package keeper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cesnet/rwm/keeper/signs"
	"github.com/cesnet/rwm/rwm"
)

// Config configures a Keeper. Its fields are the keys of the YAML file that
// docs/keeper.md describes.
type Config struct {
	// StateDir holds the results of earlier passes, and the caches. Empty means
	// $STATE_DIRECTORY, which systemd sets, or /var/lib/rwm-keeper.
	StateDir string `yaml:"state_dir"`
	// StatusPage is a directory for HTML pages, MetricsFile a file for Prometheus's
	// textfile collector. Empty means none.
	StatusPage  string `yaml:"status_page"`
	MetricsFile string `yaml:"metrics_file"`
	// Notify are shoutrrr URLs that get a message for every change of state.
	Notify []Secret `yaml:"notify"`
	// Ping is called like healthchecks.io: URL/start, URL, URL/fail.
	Ping Secret `yaml:"ping"`
	// Parallel is how many storages are worked on at a time; 0 means 4.
	Parallel int `yaml:"parallel"`
	// Prices let Explain estimate costs in money.
	Prices Prices `yaml:"prices"`
	// AdminConfig is the path of the admin's rwm.conf, as used in the commands that
	// messages suggest.
	AdminConfig string `yaml:"admin_config"`

	// Storages are the storages by name.
	Storages map[string]*StorageConfig `yaml:"storages"`

	path string // of the file
}

// Prices are the prices of the storage provider, in any currency.
type Prices struct {
	Currency        string  `yaml:"currency"`
	PerThousandGets float64 `yaml:"per_1000_gets"`  // GET, HEAD
	PerThousandPuts float64 `yaml:"per_1000_lists"` // LIST, PUT and the rest
	PerGiBOut       float64 `yaml:"per_gib_read"`
	PerGiBMonth     float64 `yaml:"per_gib_month"`
}

// StorageConfig is one storage. In the file, the key defaults holds the values for all
// storages, and what is in neither has the default of docs/keeper.md. One made in Go has
// no defaults: a task without a period is off. Parse a file's text to get them.
type StorageConfig struct {
	S3EndpointURL  string `yaml:"s3_endpoint_url"`
	S3AccessKey    Secret `yaml:"s3_access_key"`
	S3SecretKey    Secret `yaml:"s3_secret_key"`
	ResticBucket   string `yaml:"restic_bucket"`
	ResticPassword Secret `yaml:"restic_password"`
	// HostAccessKey and HostSecretKey are the host's credentials. The task Access tests
	// what they allow.
	HostAccessKey Secret `yaml:"host_access_key"`
	HostSecretKey Secret `yaml:"host_secret_key"`

	// Period of each task. Always means at every pass.
	Policy  Every `yaml:"policy"`
	Access  Every `yaml:"access"`
	History Every `yaml:"history"`
	Prove   Every `yaml:"prove"`
	Renew   Every `yaml:"renew"`
	Forget  Every `yaml:"forget"`
	Drop    Every `yaml:"drop_versions"`
	Drill   Every `yaml:"drill"`
	Signs   Every `yaml:"signs"`
	// ReadAllWithin is the time within which every pack is read once.
	ReadAllWithin Every `yaml:"read_all_within"`

	// ExpectBackupWithin is the age of the newest backup beyond which the storage is
	// red.
	ExpectBackupWithin Every `yaml:"expect_backup_within"`
	// Promise is how far back every moment must be restorable.
	Promise Span `yaml:"promise"`
	// Retention is what Forget keeps, as in rwm.conf.
	Retention rwm.Retention `yaml:"retention"`
	// DrillFiles is how many files a drill restores for each of its two moments.
	DrillFiles int `yaml:"drill_files"`
	// WholeSnapshot makes every eighth drill restore the newest snapshot of some
	// backup whole, if it is no larger than this.
	WholeSnapshot Size `yaml:"drill_whole_snapshot"`
	// Sensitivity is how readily signs of ransomware raise an alarm. ReadTypes allows
	// reading the beginnings of changed files.
	Sensitivity signs.Sensitivity `yaml:"sensitivity"`
	ReadTypes   bool              `yaml:"read_types"`
	// Budget bounds what one pass may spend on the storage.
	Budget Budget `yaml:"budget"`
}

// Budget bounds a pass over one storage; 0 means no limit.
type Budget struct {
	Requests int64 `yaml:"requests"`
	Bytes    Size  `yaml:"bytes"` // received
	Time     Span  `yaml:"time"`
}

// The defaults, right for most: a daily backup that is proved daily.
func defaultStorage() StorageConfig {
	const day = 24 * time.Hour
	return StorageConfig{
		Policy: Always(), Access: Period(7 * day), History: Always(), Prove: Period(day), Renew: Period(day),
		Forget: Period(day), Drop: Never(), Drill: Period(7 * day), Signs: Always(),
		ReadAllWithin: Period(90 * day), ExpectBackupWithin: Period(48 * time.Hour), Promise: Span(30 * day),
		DrillFiles: 5, WholeSnapshot: 256 << 20, Sensitivity: signs.Normal, ReadTypes: true,
		Budget: Budget{Requests: 200_000, Bytes: 20 << 30, Time: Span(2 * time.Hour)},
	}
}

// sealed reports whether the storage's password is not known here.
func (s *StorageConfig) sealed() bool { return s.ResticPassword.Empty() }

// every is the period of a task. Forget without a retention is off: nothing says what
// to keep. Access without the host's keys is off: nothing can be tried.
func (s *StorageConfig) every(t Task) Every {
	switch t {
	case TaskPolicy:
		return s.Policy
	case TaskAccess:
		if s.HostAccessKey.Empty() {
			return Never()
		}
		return s.Access
	case TaskHistory:
		return s.History
	case TaskProve:
		return s.Prove
	case TaskSigns:
		if s.Sensitivity == signs.Off {
			return Never()
		}
		return s.Signs
	case TaskRenew:
		return s.Renew
	case TaskForget:
		if len(s.Retention) == 0 {
			return Never()
		}
		return s.Forget
	case TaskDrop:
		return s.Drop
	case TaskRead:
		return s.ReadAllWithin
	case TaskDrill:
		return s.Drill
	}
	return Never()
}

// TellSecrets returns the URLs of Notify and Ping. It may read files and run commands,
// see [Secret]. What could be read is returned together with the error, except that
// notify is all of them or none.
func (c *Config) TellSecrets(ctx context.Context) (notify []string, ping string, err error) {
	var errs []error
	if c == nil {
		return nil, "", fmt.Errorf("%w: none is given", rwm.ErrConfig)
	}
	for i, secret := range c.Notify {
		u, err := secret.Get(ctx)
		if err != nil {
			errs = append(errs, fmt.Errorf("notify URL %d: %w", i+1, err))
		}
		notify = append(notify, u)
	}
	if len(errs) > 0 {
		notify = nil
	}
	if !c.Ping.Empty() {
		if ping, err = c.Ping.Get(ctx); err != nil {
			errs = append(errs, fmt.Errorf("ping: %w", err))
		}
	}
	return notify, ping, errors.Join(errs...)
}
