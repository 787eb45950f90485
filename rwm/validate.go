package rwm

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"

	"github.com/cesnet/rwm/internal/resticflags"
	"github.com/cesnet/rwm/internal/s3config"
	"github.com/cesnet/rwm/restic"
)

// Validate checks that the values make sense: endpoint and credentials are set, every
// backup has something to back up, and restic accepts the retention values and extra
// arguments. All problems are reported at once, as joined [*ConfigError]s. It looks at
// nothing outside the Config.
func (c *Config) Validate() error {
	if c == nil {
		return errNilConfig()
	}
	return errors.Join(c.validateS3(), c.validateRuns())
}

func errNilConfig() error { return &ConfigError{Msg: "no configuration is given: it is nil"} }

func (c *Config) validateS3() error {
	var errs []error
	for key, value := range c.s3Values() {
		if value == "" {
			errs = append(errs, c.source.at(key, "is missing or empty"))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	errs = append(errs, c.validateSecrets()...)
	if c.S3EndpointURL != "" {
		if _, err := s3config.Endpoint(c.S3EndpointURL); err != nil {
			errs = append(errs, c.source.at("s3_endpoint_url", "%s", err))
		}
	}
	return errors.Join(append(errs, c.validateBuckets()...)...)
}

func (c *Config) s3Values() map[string]string {
	values := map[string]string{"s3_endpoint_url": c.S3EndpointURL}
	for _, key := range c.secretKeys()[:2] {
		values[key.name] = key.origin()
	}
	return values
}

func (c *Config) validateBuckets() (errs []error) {
	for _, bucket := range [][2]string{{"restic_bucket", c.ResticBucket}, {"rcc_crypt_bucket", c.RCCCryptBucket}} {
		key, name := bucket[0], bucket[1]
		if name == "" {
			continue
		}
		if err := s3config.Bucket(name); err != nil {
			errs = append(errs, c.source.at(key, "%s", err))
		}
	}
	return errs
}

func (c *Config) validateRuns() error {
	var errs []error
	errs = append(errs, c.validateOrder()...)
	for _, name := range c.BackupNames() {
		errs = append(errs, c.validateBackup(name, c.Backups[name])...)
	}
	if _, err := parseExtrasIn(resticflags.NoEnv, c.BackupExtras); err != nil {
		errs = append(errs, c.source.at("backup_extras", "%s", err))
	}
	if len(errs) == 0 {
		errs = append(errs, c.validateClient())
	}
	errs = append(errs, c.validateVariables()...)
	return errors.Join(append(errs, c.validateRetention()...)...)
}

// validateVariables checks the environment variables that stand for flags, each once:
// the file is not to blame for them.
func (c *Config) validateVariables() (errs []error) {
	lists := [][]string{c.BackupExtras}
	for _, name := range c.BackupNames() {
		lists = append(lists, slices.Concat(c.BackupExtras, c.Backups[name].Extras))
	}
	for _, list := range lists {
		err := checkVariables(list)
		if err != nil && !slices.ContainsFunc(errs, func(known error) bool { return known.Error() == err.Error() }) {
			errs = append(errs, err)
		}
	}
	return errs
}

func (c *Config) validateOrder() (errs []error) {
	for i, name := range c.BackupOrder {
		if _, there := c.Backups[name]; !there {
			errs = append(errs, c.source.at("backups", "BackupOrder names %q, which is no backup%s", name, didYouMean(name, c.BackupNames())))
		} else if slices.Contains(c.BackupOrder[:i], name) {
			errs = append(errs, c.source.at("backups", "BackupOrder names %q twice", name))
		}
	}
	return errs
}

func (c *Config) validateRetention() (errs []error) {
	for _, key := range slices.Sorted(maps.Keys(c.Retention)) {
		if problem := checkRetention(key, c.Retention[key]); problem != "" {
			errs = append(errs, c.source.at("retention."+key, "%s", problem))
		}
	}
	if c.Policy != nil && len(c.Retention) > 0 {
		errs = append(errs, c.source.at("retention", "Policy is given too: give one of them"))
	}
	if c.Policy != nil && c.Policy.Empty() {
		errs = append(errs, c.source.at("Policy", "keeps nothing: say what to keep, or leave it out to keep everything"))
	}
	if policy, err := c.Retention.Policy(); err == nil && len(c.Retention) > 0 && policy.Empty() {
		errs = append(errs, c.source.at("retention", "keeps nothing: every value is zero; say what to keep, or leave retention out to keep everything"))
	}
	switch c.RetentionScope {
	case "", ScopeRepository, ScopeHost, ScopeBackups:
	default:
		errs = append(errs, c.source.at("retention_scope", "must be %s, %s or %s", ScopeRepository, ScopeHost, ScopeBackups))
	}
	return errs
}

func (c *Config) validateBackup(name string, backup Backup) (errs []error) {
	path := "backups." + name
	if len(backup.FilesDirs) == 0 {
		errs = append(errs, c.source.at(path, "has no filesdirs, so there is nothing to back up"))
	}
	for key, list := range map[string][]string{"filesdirs": backup.FilesDirs, "prerun": backup.PreRun, "postrun": backup.PostRun, "tags": backup.Tags} {
		if slices.ContainsFunc(list, func(item string) bool { return strings.TrimSpace(item) == "" }) {
			errs = append(errs, c.source.at(path+"."+key, "has an empty item"))
		}
	}
	if err := (&restic.BackupOptions{Excludes: backup.Excludes}).Check(); err != nil {
		errs = append(errs, c.source.at(path+".excludes", "%s", err))
	}
	if _, err := parseExtrasIn(resticflags.NoEnv, backup.Extras); err != nil {
		errs = append(errs, c.source.at(path+".extras", "%s", err))
	}
	return errs
}

// validateClient refuses extras that disagree about what holds for the whole client.
func (c *Config) validateClient() error {
	_, err := c.clientFlags(resticflags.NoEnv)
	return err
}

// Warnings lists settings that are valid but probably unintended. A [Manager] sends
// each as a [Warning] event before a run.
func (c *Config) Warnings() []string {
	var warnings []string
	if c == nil {
		return nil
	}
	if mode := c.source.mode; mode&0o077 != 0 && runtime.GOOS != "windows" { // there the bits mean nothing
		warnings = append(warnings, fmt.Sprintf("%s holds secrets and has mode %04o; make it readable by its owner only (chmod 600)", c.source.name, mode))
	}
	if _, ok := c.Retention["keep-within"]; !ok && len(c.Retention) > 0 {
		warnings = append(warnings, "retention has no keep-within: snapshots made with a false clock can push out all the good ones")
	}
	if c.MetricsFile != "" && !strings.HasSuffix(c.MetricsFile, ".prom") {
		warnings = append(warnings, "the name of metrics_file does not end in .prom, so node_exporter does not read it")
	}
	return warnings
}
