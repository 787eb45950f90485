package rwm_test

import (
	"strings"
	"testing"

	"github.com/cesnet/rwm/rwm"
)

// A bad variable is told once, by its name: the file is not to blame.
func TestBadEnvironmentIsToldOnce(t *testing.T) {
	const text = `
s3_endpoint_url: http://127.0.0.1:1
s3_access_key: a
s3_secret_key: s
backups: {one: {filesdirs: [/a]}, two: {filesdirs: [/b], extras: [--no-scan]}}
`
	for _, test := range []struct{ variable, value string }{
		{"RESTIC_PACK_SIZE", "large"}, {"RESTIC_PACK_SIZE", "-1"}, {"RESTIC_PACK_SIZE", "1000"},
		{"RESTIC_READ_CONCURRENCY", "x"}, {"RESTIC_COMPRESSION", "fast"},
	} {
		t.Run(test.variable+"="+test.value, func(t *testing.T) {
			t.Setenv(test.variable, test.value)
			cfg, err := rwm.ParseConfig(strings.NewReader(text), "rwm.conf")
			if err != nil {
				t.Fatal(err)
			}
			err = cfg.Validate()
			if rwm.ExitCode(err) != 2 || strings.Count(err.Error(), test.variable) != 1 || strings.Contains(err.Error(), "rwm.conf") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v", err)
			}
		})
	}
	// A flag that is given counts instead of the variable.
	t.Setenv("RESTIC_PACK_SIZE", "large")
	cfg, err := rwm.ParseConfig(strings.NewReader(text+"backup_extras: [--pack-size=32]\n"), "rwm.conf")
	if err == nil {
		_, err = rwm.New(cfg)
	}
	if err != nil {
		t.Errorf("%v", err)
	}
	// And what is wrong in the file is told with its line.
	cfg, err = rwm.ParseConfig(strings.NewReader(text+"backup_extras: [--no-such-flag]\n"), "rwm.conf")
	if err != nil {
		t.Fatal(err)
	}
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "rwm.conf:6: backup_extras: unknown flag") {
		t.Errorf("%v", err)
	}
}
