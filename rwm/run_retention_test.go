package rwm_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
)

// seed makes snapshots of this host and of another, of the configured paths and of
// others, all by hand.
func (w *world) seed() {
	w.t.Helper()
	session, err := w.manager().OpenRepository(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	defer session.Close()
	other := w.write("other/file", "content")
	for _, host := range []string{"", "otherhost"} {
		for _, paths := range [][]string{{w.files}, {w.files, other}} {
			for range 2 {
				if _, err := session.Backup(w.t.Context(), restic.BackupOptions{Paths: paths, Host: host}); err != nil {
					w.t.Fatal(err)
				}
			}
		}
	}
}

func TestRetentionScope(t *testing.T) {
	self, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		scope  rwm.RetentionScope
		extras []string
		lost   map[string]int
		warns  bool
	}{
		{"", nil, map[string]int{self: 3, "otherhost": 2}, true},
		{rwm.ScopeRepository, nil, map[string]int{self: 3, "otherhost": 2}, false},
		{rwm.ScopeHost, nil, map[string]int{self: 3}, false},
		{rwm.ScopeBackups, nil, map[string]int{self: 2}, false},
		{rwm.ScopeHost, []string{"--host", "otherhost"}, map[string]int{"otherhost": 3}, false},
	} {
		t.Run(string(test.scope)+strings.Join(test.extras, " "), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t).policed()
			w.seed()
			w.config.Retention = rwm.Retention{"keep-last": "1", "keep-within": "0d"}
			w.config.RetentionScope = test.scope
			w.config.Backups["home"] = rwm.Backup{FilesDirs: []string{w.files}, Extras: test.extras}
			report, err := w.manager().BackupAll(t.Context())
			if err != nil {
				t.Fatal(table(report), err)
			}
			row := report.Rows[slices.IndexFunc(report.Rows, func(r rwm.Row) bool { return r.Step == rwm.StepRetention })]
			if lost := row.RemovedByHost(); !maps.Equal(lost, test.lost) {
				t.Errorf("lost %v, want %v", lost, test.lost)
			}
			if warns := strings.Contains(w.warnings(), `2 of host "otherhost"`); warns != test.warns {
				t.Errorf("warnings: %s", w.warnings())
			}
		})
	}
}

// A retention that keeps nothing is found when the configuration is read.
func TestRetentionThatKeepsNothing(t *testing.T) {
	for text, ok := range map[string]bool{
		"{keep-last: 0}":                            false,
		"{keep-within: 0d}":                         false,
		"{keep-last: 0, keep-within: 0y0m0d0h}":     false,
		"{keep-daily: 0, keep-monthly: \"0\"}":      false,
		"{keep-last: 0, keep-tag: x}":               true,
		"{keep-last: 0, keep-weekly: 1}":            true,
		"{keep-last: 0, keep-within-hourly: 0d1h}":  true,
		"{keep-yearly: unlimited, keep-within: 0d}": true,
		"{keep-last: -1}":                           true,
		"{}":                                        true,
	} {
		cfg, err := rwm.ParseConfig(strings.NewReader("s3_endpoint_url: http://s3\ns3_access_key: a\ns3_secret_key: b\nretention: "+text+"\n"), "rwm.conf")
		if err != nil {
			t.Fatal(err)
		}
		err = cfg.Validate()
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "rwm.conf:4: retention: keeps nothing") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A backup that only shows what it would do makes no snapshot, so nothing may go in
// exchange for it.
func TestDryRunKeepsEverything(t *testing.T) {
	w := newWorld(t).policed()
	w.seed()
	w.config.Retention = rwm.Retention{"keep-last": "1", "keep-within": "0d"}
	w.config.BackupExtras = []string{"--dry-run"}
	w.config.Backups["home"] = rwm.Backup{FilesDirs: []string{w.files}}
	report, err := w.manager().BackupAll(t.Context())
	if err != nil {
		t.Fatal(table(report), err)
	}
	if n := len(w.snapshots()); n != 8 || slices.ContainsFunc(report.Rows, func(r rwm.Row) bool { return r.Step == rwm.StepRetention }) {
		t.Errorf("%d snapshots left of 8:\n%s", n, table(report))
	}
}
