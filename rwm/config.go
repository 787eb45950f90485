package rwm

import (
	"context"
	"maps"
	"slices"

	"github.com/cesnet/rwm/restic"
)

// DefaultLockPath is the path of the run lock unless the configuration sets one.
const DefaultLockPath = "/var/run/rwm.lock"

// Config is what a [Manager] needs to know. The zero value is an empty
// configuration; what a call needs and does not find in it is an error of that
// call. Field by field it is the YAML file of docs/configuration.md.
type Config struct {
	// S3EndpointURL is the URL of the S3 service, with scheme. A path in it is refused.
	S3EndpointURL string `yaml:"s3_endpoint_url"`
	// S3AccessKey and S3SecretKey are the credentials of one identity: the
	// host's on a backed-up host, the admin's where buckets are managed.
	S3AccessKey string `yaml:"s3_access_key"`
	S3SecretKey string `yaml:"s3_secret_key" secret:"true"`
	// Instead of a secret itself the configuration may name a file that holds it, a
	// shell command that prints it, or in Go a function; see [Config.ReadSecrets].
	S3AccessKeyFile    string     `yaml:"s3_access_key_file"`
	S3AccessKeyCommand string     `yaml:"s3_access_key_command"`
	S3AccessKeyFrom    SecretFunc `json:"-"`
	S3SecretKeyFile    string     `yaml:"s3_secret_key_file"`
	S3SecretKeyCommand string     `yaml:"s3_secret_key_command"`
	S3SecretKeyFrom    SecretFunc `json:"-"`

	// ResticBucket holds the repository, at its root. Needed only by what uses
	// the repository.
	ResticBucket string `yaml:"restic_bucket"`
	// Location is where the repository is, instead of ResticBucket: a directory, memory
	// or a prefix of a bucket. Its runs neither check a bucket nor save a state, and no
	// s3_… values are needed.
	Location restic.Location `json:"-"`
	// ResticPassword opens the repository.
	ResticPassword        string     `yaml:"restic_password" secret:"true"`
	ResticPasswordFile    string     `yaml:"restic_password_file"`
	ResticPasswordCommand string     `yaml:"restic_password_command"`
	ResticPasswordFrom    SecretFunc `json:"-"`

	// RequireVersioning refuses to run on a bucket without versioning. If it is not
	// set, such a bucket causes a warning at every run, or an error if its policy shows
	// that it was a policed bucket.
	RequireVersioning bool `yaml:"require_versioning"`

	// Backups are the configured backups by name.
	Backups map[string]Backup `yaml:"backups"`
	// BackupOrder lists names of Backups in the order in which BackupAll runs
	// them. Names that are missing here come after these, sorted. A file
	// states its order by itself: [LoadConfig] fills this in.
	BackupOrder []string
	// BackupExtras are extra `restic backup` arguments for every backup.
	BackupExtras []string `yaml:"backup_extras"`
	// AutoTags tags each snapshot with its backup's name.
	AutoTags bool `yaml:"autotags"`
	// Retention says which snapshots a run keeps; empty means no forget.
	Retention Retention `yaml:"retention"`
	// Policy is the alternative to Retention for a Config made in Go; set one or the
	// other. It is a pointer because a policy that keeps nothing is an error.
	Policy *restic.Policy `json:"-"`
	// RetentionScope says whose snapshots the retention applies to; empty
	// means [ScopeRepository].
	RetentionScope RetentionScope `yaml:"retention_scope"`
	// LockPath is the file that keeps backup runs apart; empty means
	// [DefaultLockPath].
	LockPath string `yaml:"lock_path"`

	// Notify, Ping and MetricsFile receive the outcome of a backup run: URLs of
	// messaging services, the URL of a watchdog, a file for Prometheus. Only the
	// command line uses them; a Manager sends no notifications.
	Notify      []string `yaml:"notify"`
	Ping        string   `yaml:"ping" secret:"true"`
	MetricsFile string   `yaml:"metrics_file"`

	// RCCCryptBucket and RCCCryptPassword are for the rclone overlay of the
	// command line.
	RCCCryptBucket          string     `yaml:"rcc_crypt_bucket"`
	RCCCryptPassword        string     `yaml:"rcc_crypt_password" secret:"true"`
	RCCCryptPasswordFile    string     `yaml:"rcc_crypt_password_file"`
	RCCCryptPasswordCommand string     `yaml:"rcc_crypt_password_command"`
	RCCCryptPasswordFrom    SecretFunc `json:"-"`

	source source
}

// Backup is one configured backup.
type Backup struct {
	// FilesDirs are the files and directories to back up. Relative ones are
	// looked up in the working directory of the process.
	FilesDirs []string `yaml:"filesdirs"`
	// Excludes are exclude patterns, as restic's --exclude takes them.
	Excludes []string `yaml:"excludes"`
	// Tags are given to the snapshot.
	Tags []string `yaml:"tags"`
	// Extras are extra `restic backup` arguments, one argument an item.
	Extras []string `yaml:"extras"`
	// PreRun and PostRun are shell commands run before and after the backup, in
	// order. The first that fails stops the backup and is its result.
	PreRun  []string `yaml:"prerun"`
	PostRun []string `yaml:"postrun"`
	// Before and After are called before PreRun and after PostRun. An error, which the
	// row's [*HookError] wraps, stops the backup as a failed command does.
	Before func(ctx context.Context) error `json:"-"`
	After  func(ctx context.Context) error `json:"-"`
}

// Retention maps `restic forget`'s --keep-… options, without the dashes, to
// their values.
type Retention map[string]string

// RetentionScope says which snapshots of a repository a run's retention considers.
type RetentionScope string

const (
	// ScopeRepository is every snapshot in the repository, including those of other
	// hosts and those made by hand, as with `restic forget` without filters.
	ScopeRepository RetentionScope = "repository"
	// ScopeHost is the snapshots with a host name that the configured backups use: this
	// host's name, or the one that --host or $RESTIC_HOST sets.
	ScopeHost RetentionScope = "host"
	// ScopeBackups is the snapshots that the configured backups made: same
	// host, same paths.
	ScopeBackups RetentionScope = "backups"
)

// BackupNames lists the names of the configured backups in the order in which
// [Manager.BackupAll] runs them.
func (c *Config) BackupNames() []string {
	var names []string
	if c == nil {
		return nil
	}
	for _, name := range slices.Concat(c.BackupOrder, slices.Sorted(maps.Keys(c.Backups))) {
		if _, there := c.Backups[name]; there && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// lockPath is the path of the run lock with its default.
func (c *Config) lockPath() string {
	if c.LockPath == "" {
		return DefaultLockPath
	}
	return c.LockPath
}
