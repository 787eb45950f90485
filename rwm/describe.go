package rwm

import (
	"maps"
	"slices"
)

// Description describes the meaning of a configuration, with its defaults and without
// its secrets. It survives JSON.
type Description struct {
	File        string `json:"file,omitempty"`
	EndpointURL string `json:"s3_endpoint_url"`
	Bucket      string `json:"restic_bucket,omitempty"`
	LockPath    string `json:"lock_path"`
	RCCBucket   string `json:"rcc_crypt_bucket,omitempty"`
	// Secrets maps the key of each secret to its source; missing secrets are left out.
	Secrets           map[string]string   `json:"secrets"`
	RequireVersioning bool                `json:"require_versioning"`
	AutoTags          bool                `json:"autotags"`
	BackupExtras      []string            `json:"backup_extras,omitempty"`
	Backups           []BackupDescription `json:"backups"` // in the order they run
	Retention         map[string]string   `json:"retention,omitempty"`
	RetentionScope    RetentionScope      `json:"retention_scope,omitempty"` // "" without a retention
	Warnings          []string            `json:"warnings,omitempty"`
	// Lacks lists what cannot be done with this configuration, and what is missing.
	Lacks []string `json:"lacks,omitempty"`
}

// BackupDescription describes one backup. It has only the first word of each hook,
// since the rest may hold a password.
type BackupDescription struct {
	Name      string   `json:"name"`
	FilesDirs []string `json:"filesdirs"`
	Excludes  []string `json:"excludes,omitempty"`
	Tags      []string `json:"tags,omitempty"` // those of autotags and extras included
	Extras    []string `json:"extras,omitempty"`
	PreRun    []string `json:"prerun,omitempty"`
	PostRun   []string `json:"postrun,omitempty"`
}

// Describe validates the configuration and describes its meaning. It reads no secret,
// runs no command and sends nothing.
func (c *Config) Describe() (*Description, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	d := &Description{
		File: c.source.name, EndpointURL: c.S3EndpointURL, Bucket: c.ResticBucket, LockPath: c.lockPath(),
		RCCBucket: c.RCCCryptBucket, Secrets: map[string]string{}, RequireVersioning: c.RequireVersioning,
		AutoTags: c.AutoTags, BackupExtras: c.BackupExtras, Backups: []BackupDescription{},
		Retention: maps.Clone(c.Retention), Warnings: c.Warnings(),
	}
	for _, key := range c.secretKeys() {
		if origin := key.origin(); origin != "" {
			d.Secrets[key.name] = origin
		}
	}
	for _, name := range c.BackupNames() {
		described, err := c.describeBackup(name)
		if err != nil {
			return nil, err
		}
		d.Backups = append(d.Backups, described)
	}
	if len(c.Retention) > 0 {
		if d.RetentionScope = c.RetentionScope; d.RetentionScope == "" {
			d.RetentionScope = ScopeRepository
		}
	}
	d.Lacks = c.lacks(d)
	return d, nil
}

func (c *Config) describeBackup(name string) (BackupDescription, error) {
	backup := c.Backups[name]
	args, err := parseExtras(c.BackupExtras, backup.Extras)
	if err != nil {
		return BackupDescription{}, c.source.at("backups."+name+".extras", "%s", err)
	}
	tags := slices.Concat(splitTags(backup.Tags), splitTags(args.Tag))
	if c.AutoTags && !slices.Contains(tags, name) {
		tags = append(tags, name)
	}
	return BackupDescription{
		Name: name, FilesDirs: slices.Concat(backup.FilesDirs, args.Paths), Excludes: slices.Concat(backup.Excludes, args.Exclude),
		Tags: tags, Extras: backup.Extras, PreRun: programs(backup.PreRun), PostRun: programs(backup.PostRun),
	}, nil
}

func programs(commands []string) (words []string) {
	for _, command := range commands {
		words = append(words, program(command))
	}
	return words
}

func (c *Config) lacks(d *Description) (lacks []string) {
	repository := c.ResticBucket != "" && d.Secrets["restic_password"] != ""
	switch {
	case repository && len(d.Backups) == 0:
		lacks = append(lacks, "no backups: backup and backup-all have nothing to run")
	case !repository && len(d.Backups) > 0:
		lacks = append(lacks, "no restic_bucket or no restic_password: the backups cannot run")
	case !repository:
		lacks = append(lacks, "no restic_bucket or no restic_password: for storage-…, aws and s3 only")
	}
	if (d.RCCBucket == "") != (d.Secrets["rcc_crypt_password"] == "") {
		lacks = append(lacks, "rcc_crypt_bucket and rcc_crypt_password are needed both: rcc cannot run")
	}
	return lacks
}
