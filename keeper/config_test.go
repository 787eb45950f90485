package keeper_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/keeper"
	"github.com/cesnet/rwm/keeper/signs"
	"github.com/cesnet/rwm/rwm"
)

const threeLines = `defaults:
  s3_endpoint_url: https://s3.example.org
  s3_access_key_file: /etc/rwm/keeper.access
  s3_secret_key_file: /etc/rwm/keeper.secret
  retention: {keep-within: 30d}
storages:
  web1:
    restic_bucket: web1-backups
    restic_password_file: /etc/rwm/web1.password
  db1:
    restic_bucket: db1-backups
    restic_password_credential: db1
    drill: off
    history: 12h
    sensitivity: high
    read_all_within: 30d
    retention: {keep-daily: 7}
    budget: {requests: 1000, bytes: 2G}
`

func parse(t *testing.T, text string) (*keeper.Config, error) {
	t.Helper()
	return keeper.ParseConfig(strings.NewReader(text), "keeper.conf")
}

func TestDefaultsAndOwnValues(t *testing.T) {
	t.Parallel()
	cfg, err := parse(t, threeLines)
	if err != nil {
		t.Fatal(err)
	}
	web, db := cfg.Storages["web1"], cfg.Storages["db1"]
	if web.S3EndpointURL != db.S3EndpointURL || web.Drill.Duration() != 7*24*time.Hour || !web.History.On() || web.Sensitivity != signs.Normal {
		t.Errorf("web1 %+v", web)
	}
	if db.Drill.On() || db.History.Duration() != 12*time.Hour || db.Sensitivity != signs.High || db.Budget.Bytes != 2<<30 || db.Budget.Requests != 1000 {
		t.Errorf("db1 %+v", db)
	}
	if db.Budget.Time != web.Budget.Time {
		t.Error("a budget of one's own takes away what it does not name")
	}
	if len(db.Retention) != 1 || db.Retention["keep-daily"] != "7" || web.Retention["keep-within"] != "30d" {
		t.Errorf("retention %v and %v", db.Retention, web.Retention)
	}
}

func TestMistakesNameKeyAndLine(t *testing.T) {
	t.Parallel()
	with := func(line string) string { return threeLines + "  x:\n    restic_bucket: b\n" + line + "\n" }
	for _, c := range []struct{ text, key, say string }{
		{with("    drill_file: 5"), "storages.x.drill_file", "did you mean"},
		{with("    drill: 7x"), "storages.x.drill", "invalid duration"},
		{with("    restic_bucket: again"), "storages.x.restic_bucket", "twice"},
		{with("    sensitivity: some"), "storages.x.sensitivity", "paranoid"},
		{with("    s3_endpoint_url: s3.example.org"), "storages.x.s3_endpoint_url", "https://"},
		{with("    retention: {keep-dayly: 5}"), "storages.x.retention", "keep-dayly"},
		{with("    host_access_key: abc"), "storages.x.host_secret_key", "host_access_key"},
		{with("    budget: {request: 5}"), "storages.x.budget.request", "unknown key"},
		{with("    drop_versions: always"), "storages.x.drop_versions", "too often"},
		{with("    restic_password: !secret"), "storages.x.restic_password", "quotes"},
		{with("    restic_password: [a]"), "storages.x.restic_password", "single value"},
		{with("  ../x:\n    restic_bucket: b"), "storages.../x", "letters"},
		{with("    restic_password: null"), "storages.x.restic_password", "not empty"},
		{with("    restic_password:"), "storages.x.restic_password", "not empty"},
		{with("    restic_password: !!binary aGk="), "storages.x.restic_password", "text"},
		{with("    drill: 106000d"), "storages.x.drill", "100 years"},
		{with("    promise: 106000d"), "storages.x.promise", "100 years"},
		{with("    expect_backup_within: always"), "storages.x.expect_backup_within", "off"},
		{with("    retention: {keep-last: 0}"), "storages.x.retention", "keeps nothing"},
		{with("    drill_files: 1.5"), "storages.x.drill_files", "whole"},
		{with("    budget: {requests: 1.5}"), "storages.x.budget.requests", "whole"},
		{with("    budget: {requests: -1}"), "storages.x.budget", "negative"},
		{with("    promise: 6m"), "storages.x.promise", "less than a day"},
		{with("    budget: {time: 5ms}"), "storages.x.budget", "invalid duration"},
		{with("    drill_files: 0"), "storages.x.drill_files", "drill: off"},
		{with("    s3_endpoint_url: http://::1:9000"), "storages.x.s3_endpoint_url", "brackets"},
		{with("    s3_endpoint_url: http://s3:99999"), "storages.x.s3_endpoint_url", "port"},
		{threeLines + "  x:\n    restic_bucket: b/dir\n", "storages.x.restic_bucket", "slash"},
		{with("    s3_endpoint_url: https://s3.example.org/bucket"), "storages.x.s3_endpoint_url", "nothing after"},
		{with("prices: {per_gib_month: -1}"), "prices.per_gib_month", "between"},
		{with("prices: {per_gib_month: .nan}"), "prices.per_gib_month", "between"},
		{with("prices: {per_1000_gets: .inf}"), "prices.per_1000_gets", "between"},
		{with("---\na: b"), "keeper.conf:21", "second YAML document"},
		{with("parallel: 1.5"), "parallel", "whole"},
		{with("parallel: 1000"), "parallel", "256"},
		{with("parallel: many"), "parallel", "many"},
		{with("notifi: x"), "notifi", "did you mean notify"},
		{"defaults: {}\n", "storages", "nothing to keep"},
		{"storages:\n  a: {}\n", "storages.a.restic_bucket", "missing"},
	} {
		_, err := parse(t, c.text)
		var mistake *rwm.ConfigError
		if !errors.As(err, &mistake) || !errors.Is(err, rwm.ErrConfig) {
			t.Errorf("%s: %v", c.key, err)
			continue
		}
		if !strings.Contains(err.Error(), c.key) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s: error %q does not say %q", c.key, err, c.say)
		}
	}
}

// Nothing prints, logs or encodes a secret, and no error repeats one.
func TestSecretsStayHidden(t *testing.T) {
	t.Parallel()
	const marker = "hush-hush"
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(marker+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`notify: ["ntfy://:%[1]s@ntfy.sh/x"]
ping: https://hc.example/%[1]s
storages:
  a:
    s3_endpoint_url: https://s3.example.org
    s3_access_key_file: %[2]s
    s3_secret_key_command: cat %[2]s
    restic_bucket: bucket
    restic_password: %[1]s
`, marker, file)
	cfg, err := parse(t, text)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{string(encoded), fmt.Sprintf("%v %+v %#v", cfg, *cfg.Storages["a"], cfg.Storages["a"].ResticPassword)} {
		if strings.Contains(out, marker) {
			t.Errorf("printed: %s", out)
		}
	}
	for _, s := range []keeper.Secret{cfg.Storages["a"].S3AccessKey, cfg.Storages["a"].S3SecretKey, cfg.Storages["a"].ResticPassword} {
		if got, err := s.Get(t.Context()); got != marker || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	}
	for _, bad := range []string{"restic_password: *" + marker, "restic_password: {" + marker, "restic_password: [" + marker + "]"} {
		_, err := parse(t, strings.Replace(text, "restic_password: "+marker, bad, 1))
		if err == nil || strings.Contains(err.Error(), marker) {
			t.Errorf("%s: error %v", bad[:18], err)
		}
	}
}

func TestCredentialsOfSystemd(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "db1"), []byte("from-systemd"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := parse(t, threeLines)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, err := cfg.Storages["db1"].ResticPassword.Get(t.Context()); err == nil || !strings.Contains(err.Error(), "LoadCredential=db1") {
		t.Errorf("error %v", err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if got, err := cfg.Storages["db1"].ResticPassword.Get(t.Context()); got != "from-systemd" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// The example is a whole configuration.
func TestExample(t *testing.T) {
	t.Parallel()
	cfg, err := keeper.LoadConfig("../examples/keeper.conf")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keeper.New(cfg); err != nil || len(cfg.Storages) != 1 {
		t.Error(err)
	}
}

// A period survives text and JSON, and is a string there.
func TestEveryIsText(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]keeper.Every{
		`"off"`: keeper.Never(), `"always"`: keeper.Always(), `"7d"`: keeper.Period(7 * 24 * time.Hour), `"36h"`: keeper.Period(36 * time.Hour),
		`"1h30m0s"`: keeper.Period(90 * time.Minute), `"45s"`: keeper.Period(45 * time.Second),
	} {
		text, err := json.Marshal(e)
		var back keeper.Every
		if err == nil {
			err = json.Unmarshal(text, &back)
		}
		if err != nil || string(text) != want || back != e {
			t.Errorf("%v: %s, back %v, %v", e, text, back, err)
		}
	}
	for _, bad := range []string{`""`, `"7x"`, `"-1d"`, `"0d"`, `7`} {
		var e keeper.Every
		if err := json.Unmarshal([]byte(bad), &e); err == nil {
			t.Errorf("%s: %v", bad, e)
		}
	}
}
