// Package migration_test holds what users of the Python RWM 1.0 to 1.3 bring along to
// what this program does with it: configuration files, policed buckets and saved
// states. testdata/README.md says how the fixtures were made.
package migration_test

import (
	"slices"
	"testing"

	"github.com/cesnet/rwm/internal/harness/fixtures"
	"github.com/cesnet/rwm/rwm"
)

func TestConfigFilesLoadUnchanged(t *testing.T) {
	host, err := rwm.LoadConfig(fixtures.Path("conf/host.conf"))
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Validate(); err != nil {
		t.Fatal(err)
	}
	mysql := host.Backups["mysql"]
	for what, ok := range map[string]bool{
		"endpoint":             host.S3EndpointURL == "https://s3.example.org",
		"credentials":          host.S3AccessKey == "HOSTACCESSKEY" && host.S3SecretKey == "hostsecretkey",
		"repository":           host.ResticBucket == "host1" && host.ResticPassword == "resticpassword",
		"autotags":             host.AutoTags,
		"extras for all":       slices.Equal(host.BackupExtras, []string{"--exclude-caches", "--one-file-system"}),
		"backups":              len(host.Backups) == 2 && len(host.Backups["basic_dirs"].FilesDirs) == 3,
		"hooks":                len(mysql.PreRun) == 1 && len(mysql.PostRun) == 1,
		"extras of one":        slices.Equal(mysql.Extras, []string{"--exclude-larger-than", "10G"}),
		"retention as numbers": host.Retention["keep-daily"] == "60",
		"retention as text":    host.Retention["keep-weekly"] == "8" && host.Retention["keep-within"] == "60d",
		"lock":                 host.LockPath == "/var/run/rwm.lock",
		"rcc":                  host.RCCCryptBucket == "host1-crypt" && host.RCCCryptPassword == "cryptpassword",
	} {
		if !ok {
			t.Errorf("%s: not as the file says: %+v", what, host)
		}
	}
	admin, err := rwm.LoadConfig(fixtures.Path("conf/admin.conf"))
	if err != nil || admin.Validate() != nil || len(admin.Backups) != 0 {
		t.Errorf("admin.conf: %+v %v", admin, err)
	}
}
