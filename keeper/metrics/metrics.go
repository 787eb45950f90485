// Package metrics writes what a keeper or a backup run found as a file for the textfile
// collector of Prometheus's node_exporter. It uses the customary names: restic_… as in
// restic-exporter, resticprofile_… as in resticprofile.
package metrics

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"github.com/cesnet/rwm/keeper"
)

// Keeper writes the metrics of a pass to a file, replacing it in one step.
func Keeper(file string, at time.Time, report *keeper.Report) error {
	r := newRegistry()
	r.gauge("rwm_keeper_last_pass_timestamp_seconds", "When the last pass ended.", nil).Set(seconds(at))
	r.gauge("rwm_keeper_pass_duration_seconds", "How long the last pass took.", nil).Set(report.Seconds)
	r.gauge("rwm_keeper_pass_requests", "S3 requests of the last pass.", nil).Set(float64(report.Requests))
	r.gauge("rwm_keeper_pass_received_bytes", "Bytes received in the last pass.", nil).Set(float64(report.Bytes))
	for _, s := range report.Storages {
		r.storage(s)
	}
	return r.write(file)
}

func (r *registry) storage(s *keeper.Status) {
	l := prometheus.Labels{"storage": s.Storage, "bucket": s.Bucket}
	r.gauge("rwm_storage_green", "1 if everything due was proved in time and no alarm is open.", l).Set(flag(s.Green))
	r.gauge("rwm_storage_red_reasons", "Reasons why it is not green.", l).Set(float64(len(s.Reds)))
	r.gauge("rwm_storage_frozen", "1 while alarms stop whatever removes data.", l).Set(flag(s.Frozen))
	r.gauge("rwm_storage_last_backup_timestamp_seconds", "When the server got the newest snapshot.", l).Set(seconds(s.LastBackup))
	r.gauge("rwm_storage_last_proof_timestamp_seconds", "When the newest moment was last proved.", l).Set(seconds(s.ProvedAt))
	r.gauge("rwm_storage_read_ratio", "Share of the packs read within their period.", l).Set(s.ReadShare)
	if s.Proof != nil {
		r.gauge("rwm_storage_proved_moment_timestamp_seconds", "The newest moment that was proved.", l).Set(seconds(s.Proof.Moment))
	}
	if !s.Floor.IsZero() {
		r.gauge("rwm_storage_lock_floor_timestamp_seconds", "Until when the least protected object is locked.", l).Set(seconds(s.Floor))
	}
	if v := s.Survey; v != nil {
		r.gauge("rwm_storage_objects", "Current objects.", l).Set(float64(v.Objects))
		r.gauge("rwm_storage_bytes", "Size of the current objects.", l).Set(float64(v.Bytes))
		r.gauge("rwm_storage_old_bytes", "Size of the old versions.", l).Set(float64(v.OldBytes))
		r.gauge("rwm_storage_growth_bytes_per_day", "Growth over the last month.", l).Set(s.Growth)
	}
	if d := s.Drill; d != nil {
		r.gauge("rwm_storage_last_drill_timestamp_seconds", "When files were last restored.", l).Set(seconds(d.Time))
		r.gauge("rwm_storage_drill_bytes_per_second", "Measured speed of the last drill.", l).Set(d.BytesPerSecond())
		r.gauge("rwm_storage_drill_failed_files", "What the last drill could not restore.", l).Set(float64(len(d.Failed)))
	}
	open := map[string]int{}
	for _, a := range s.Alarms {
		if a.Acked == nil {
			open[string(a.Kind)]++
		}
	}
	for kind, n := range open {
		r.gauge("rwm_storage_alarms", "Open alarms.", prometheus.Labels{"storage": s.Storage, "bucket": s.Bucket, "kind": kind}).Set(float64(n))
	}
	for _, t := range s.Tasks {
		if !t.Every.On() || t.Outcome == "" {
			continue
		}
		tl := prometheus.Labels{"storage": s.Storage, "bucket": s.Bucket, "task": string(t.Task)}
		r.gauge("rwm_task_proved", "1 if the task ended with a proof.", tl).Set(flag(t.Outcome == keeper.Proved))
		r.gauge("rwm_task_last_proved_timestamp_seconds", "When the task last ended with a proof.", tl).Set(seconds(t.Proved))
		r.gauge("rwm_task_requests", "S3 requests of its last run.", tl).Set(float64(t.Requests))
		if t.Task == keeper.TaskProve {
			r.gauge("restic_check_success", "1 if the newest moment is proved.", l).Set(flag(t.Outcome == keeper.Proved))
		}
	}
	total := 0
	for _, b := range s.Backups {
		bl := prometheus.Labels{"storage": s.Storage, "client_hostname": b.Host, "snapshot_paths": b.Name}
		r.gauge("restic_backup_timestamp", "When the newest snapshot was made, as it claims.", bl).Set(seconds(b.Latest))
		r.gauge("restic_backup_files_total", "Files in the newest snapshot.", bl).Set(float64(b.Files))
		r.gauge("restic_backup_size_total", "Bytes in the newest snapshot.", bl).Set(float64(b.Bytes))
		r.gauge("restic_backup_snapshots_total", "Snapshots seen of the backup, at most 60.", bl).Set(float64(b.Snapshots))
		total += b.Snapshots
	}
	r.gauge("restic_snapshots_total", "Snapshots seen in the repository, at most 60 of each backup.", l).Set(float64(total))
}

// registry makes each family of metrics once.
type registry struct {
	*prometheus.Registry
	families map[string]*prometheus.GaugeVec
	errs     error
}

func newRegistry() *registry {
	return &registry{Registry: prometheus.NewRegistry(), families: map[string]*prometheus.GaugeVec{}}
}

func (r *registry) gauge(name, help string, labels prometheus.Labels) prometheus.Gauge {
	vec := r.families[name]
	if vec == nil {
		names := make([]string, 0, len(labels))
		for label := range labels {
			names = append(names, label)
		}
		vec = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, names)
		r.families[name] = vec
		if err := r.Register(vec); err != nil {
			r.errs = fmt.Errorf("metric %s: %w", name, err)
		}
	}
	return vec.With(labels)
}

func (r *registry) write(file string) error {
	if r.errs != nil {
		return r.errs
	}
	families, err := r.Gather()
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	var text bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&text, f); err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
	}
	// Not by the library, which would put a file in the place of a link or a device. A
	// directory that is not there is a mistake: nobody would read one made here.
	if _, err := os.Stat(filepath.Dir(file)); err != nil {
		return fmt.Errorf("metrics file: %w", err)
	}
	if err := keeper.WriteFile(file, text.Bytes(), 0o644); err != nil {
		return fmt.Errorf("metrics file: %w", err)
	}
	return nil
}

func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
