package keeper_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/cesnet/rwm/keeper"
	"github.com/cesnet/rwm/rwm"
)

// A configuration made in Go has no periods: a pass that proves nothing is not green,
// not even over a bucket without a repository.
func TestNothingToDoIsNotGreen(t *testing.T) {
	w := newWorld(t, "x")
	parsed := *w.cfg.Storages["x"]
	w.cfg.Storages["x"] = &keeper.StorageConfig{
		S3EndpointURL: parsed.S3EndpointURL, S3AccessKey: parsed.S3AccessKey, S3SecretKey: parsed.S3SecretKey,
		ResticBucket: parsed.ResticBucket, ResticPassword: parsed.ResticPassword,
	}
	k, err := keeper.New(w.cfg)
	if err != nil {
		t.Fatal(err)
	}
	report, err := k.Pass(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s := report.Storages[0]; report.Green() || len(s.Reds) != 1 || s.Reds[0].Code != "no-tasks" {
		t.Errorf("green %v: %+v", report.Green(), s.Reds)
	}
}

// What a program gets in place of a report, or makes itself, is not green.
func TestNoReportIsNotGreen(t *testing.T) {
	var none *keeper.Report
	if none.Green() || (&keeper.Report{}).Green() || (&keeper.Report{Storages: []*keeper.Status{nil}}).Green() {
		t.Error("nothing is green")
	}
}

// What no pass can do without is found by New: a nil storage ended the process, and no
// storage at a time never ended.
func TestConfigThatCannotBeUsed(t *testing.T) {
	for what, cfg := range map[string]*keeper.Config{
		"a nil storage":      {Storages: map[string]*keeper.StorageConfig{"x": nil}},
		"a name with a path": {Storages: map[string]*keeper.StorageConfig{"../x": {}}},
		"negative":           {Parallel: -1, Storages: map[string]*keeper.StorageConfig{"x": {}}},
	} {
		cfg.StateDir = filepath.Join(t.TempDir(), "state")
		if _, err := keeper.New(cfg); !errors.Is(err, rwm.ErrConfig) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
