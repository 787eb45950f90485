package packaging_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/keeper"
	"github.com/cesnet/rwm/keeper/metrics"
	"github.com/cesnet/rwm/keeper/signs"
	"github.com/cesnet/rwm/rwm"
)

// written are the metrics of a keeper with all there can be, and of a backup run, as
// promtool checks them.
func written(t *testing.T) string {
	t.Helper()
	now := time.Now()
	dir := t.TempDir()
	report := &keeper.Report{Storages: []*keeper.Status{{
		Storage: "web1", Bucket: "b", LastBackup: now, Proof: &keeper.Proof{Moment: now, Proved: true}, ProvedAt: now, Locked: true, Floor: now,
		Survey: &keeper.Survey{Objects: 3}, Drill: &keeper.DrillResult{Time: now, Bytes: 5, Seconds: 1},
		Alarms:  []*keeper.Alarm{{ID: "x", Alarm: signs.Alarm{Kind: signs.KindRenamed}}},
		Tasks:   []keeper.TaskStatus{{Task: keeper.TaskProve, Every: keeper.Period(24 * time.Hour), Outcome: keeper.Proved, Proved: now}},
		Backups: []keeper.BackupState{{Host: "web1", Name: `pa"th` + "\n", Latest: now}},
	}}}
	if err := metrics.Keeper(filepath.Join(dir, "keeper.prom"), now, report); err != nil {
		t.Fatal(err)
	}
	run := &rwm.Report{Rows: []rwm.Row{{Step: rwm.StepBackup, Name: "home\xff", OK: true, Start: now}, {Step: rwm.StepState, Name: "state"}}}
	if err := metrics.Backup(filepath.Join(dir, "backup.prom"), now, run, nil); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range []string{"keeper.prom", "backup.prom"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// A real promtool finds the metrics, the rules and the rules' own tests right; a lint
// about the name of a customary metric is not ours to put right.
func TestPrometheus(t *testing.T) {
	need(t, "promtool")
	cmd := exec.Command("promtool", "check", "metrics")
	text := written(t)
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "restic_") {
			t.Errorf("promtool check metrics: %s", line)
		}
	}
	if err != nil && cmd.ProcessState.ExitCode() != 3 { // 3: lint
		t.Errorf("%v: %s\n%s", err, out, text)
	}
	output(t, exec.Command("promtool", "check", "rules", "prometheus/rwm-alerts.yml"))
	output(t, exec.Command("promtool", "test", "rules", "prometheus/rwm-alerts_test.yml"))
}

// Rules and dashboard ask only for metrics that are written.
func TestRulesAndDashboardNameRealMetrics(t *testing.T) {
	text := written(t)
	name := regexp.MustCompile(`\b(?:rwm|restic|resticprofile)_[a-z_]+\b`)
	asked := 0
	check := func(where, expr string) {
		for _, metric := range name.FindAllString(expr, -1) {
			asked++
			if !strings.Contains(text, "# TYPE "+metric+" gauge\n") {
				t.Errorf("%s asks for %s, which nothing writes", where, metric)
			}
		}
	}
	rules, err := os.ReadFile("prometheus/rwm-alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(rules)) {
		if _, expr, ok := strings.Cut(line, "expr: "); ok {
			check("rwm-alerts.yml", expr)
		}
	}
	raw, err := os.ReadFile("grafana/rwm-storages.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(raw, &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			check(panel.Title, target.Expr)
			if _, err := exec.LookPath("promtool"); err == nil {
				expr := strings.ReplaceAll(target.Expr, "$storage", ".*")
				rule := write(t, filepath.Join(t.TempDir(), "rule.yml"), "groups: [{name: a, rules: [{record: a, expr: '"+expr+"'}]}]", 0o600)
				output(t, exec.Command("promtool", "check", "rules", rule))
			}
		}
	}
	if asked < 20 {
		t.Errorf("only %d metrics found", asked)
	}
}
