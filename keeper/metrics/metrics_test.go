package metrics_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/keeper"
	"github.com/cesnet/rwm/keeper/metrics"
)

// Metrics go where a link leads, and nothing that is not a file is replaced by one, as
// /dev/stdout would be for root. A directory that is not there is not made.
func TestMetricsReplaceFilesOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	to := func(name string) error { return metrics.Keeper(filepath.Join(dir, name), time.Now(), &keeper.Report{}) }
	if err := os.Symlink("target.prom", filepath.Join(dir, "link.prom")); err != nil {
		t.Skip(err)
	}
	if err := to("link.prom"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Readlink(filepath.Join(dir, "link.prom")); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "target.prom"))
	if err != nil || !strings.Contains(string(text), "\nrwm_keeper_last_pass_timestamp_seconds ") {
		t.Errorf("%s, %v", text, err)
	}
	if err := os.Symlink(os.DevNull, filepath.Join(dir, "null.prom")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"null.prom", "none/rwm.prom"} {
		if err := to(name); err == nil {
			t.Errorf("%s was written", name)
		}
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Fatal("the device was replaced")
	}
	if _, err := os.Stat(filepath.Join(dir, "none")); err == nil {
		t.Error("a directory was made")
	}
}
