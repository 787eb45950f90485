package rwm

// DefaultLockPath is where the run lock lives unless the configuration says
// otherwise.
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

	// ResticBucket holds the repository, at its root. Needed only by what uses
	// the repository.
	ResticBucket string `yaml:"restic_bucket"`
	// ResticPassword opens the repository.
	ResticPassword string `yaml:"restic_password" secret:"true"`

	// Backups are the configured backups by name.
	Backups map[string]Backup `yaml:"backups"`
	// BackupExtras are extra `restic backup` arguments for every backup.
	BackupExtras []string `yaml:"backup_extras"`
	// AutoTags tags each snapshot with its backup's name.
	AutoTags bool `yaml:"autotags"`
	// Retention says which snapshots a run keeps; empty means no forget.
	Retention Retention `yaml:"retention"`
	// LockPath is the file that keeps backup runs apart; empty means
	// [DefaultLockPath].
	LockPath string `yaml:"lock_path"`

	// RCCCryptBucket and RCCCryptPassword are for the rclone overlay of the
	// command line.
	RCCCryptBucket   string `yaml:"rcc_crypt_bucket"`
	RCCCryptPassword string `yaml:"rcc_crypt_password" secret:"true"`

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
}

// Retention maps `restic forget`'s --keep-… options, without the dashes, to
// their values.
type Retention map[string]string

// lockPath is the path of the run lock with its default.
func (c *Config) lockPath() string {
	if c.LockPath == "" {
		return DefaultLockPath
	}
	return c.LockPath
}
