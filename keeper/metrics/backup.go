package metrics

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cesnet/rwm/rwm"
)

// Backup writes the metrics of a backup run to a file, replacing it in one step. A run
// that did not begin has no report; it counts as failed, for the profile "run".
func Backup(file string, at time.Time, report *rwm.Report, err error) error {
	r := newRegistry()
	ok := err == nil && report != nil && report.OK()
	run := func(profile string) prometheus.Labels { return prometheus.Labels{"profile": profile} }
	r.gauge("rwm_backup_run_success", "1 if every step of the last run succeeded.", nil).Set(flag(ok))
	r.gauge("rwm_backup_run_timestamp_seconds", "When the last run ended.", nil).Set(seconds(at))
	if report != nil {
		for _, row := range report.Rows {
			r.row(row)
		}
	}
	if !ok {
		r.gauge("resticprofile_backup_status", "2 if the backup succeeded, 0 if it failed.", run("run")).Set(0)
	} else {
		r.gauge("resticprofile_backup_status", "2 if the backup succeeded, 0 if it failed.", run("run")).Set(2)
	}
	return r.write(file)
}

func (r *registry) row(row rwm.Row) {
	l := prometheus.Labels{"step": string(row.Step), "name": clean(row.Name)}
	r.gauge("rwm_backup_step_success", "1 if the step succeeded.", l).Set(flag(row.OK))
	r.gauge("rwm_backup_step_return_code", "The step's return code.", l).Set(float64(row.ReturnCode))
	r.gauge("rwm_backup_step_duration_seconds", "How long the step took.", l).Set(row.Seconds)
	if row.Step != rwm.StepBackup {
		return
	}
	p := prometheus.Labels{"profile": clean(row.Name)}
	status := 0.0
	if row.OK {
		status = 2
	}
	r.gauge("resticprofile_backup_status", "2 if the backup succeeded, 0 if it failed.", p).Set(status)
	r.gauge("resticprofile_backup_time_seconds", "When the backup began.", p).Set(seconds(row.Start))
	r.gauge("resticprofile_backup_duration_seconds", "How long the backup took.", p).Set(row.Seconds)
	if b := row.Backup; b != nil {
		r.gauge("resticprofile_backup_files_new", "New files.", p).Set(float64(b.FilesNew))
		r.gauge("resticprofile_backup_files_changed", "Changed files.", p).Set(float64(b.FilesChanged))
		r.gauge("resticprofile_backup_files_processed", "Files looked at.", p).Set(float64(b.FilesProcessed))
		r.gauge("resticprofile_backup_added_bytes", "New data, before compression.", p).Set(float64(b.DataAdded))
		r.gauge("resticprofile_backup_processed_bytes", "Bytes looked at.", p).Set(float64(b.BytesProcessed))
	}
}

// clean makes a label's value valid UTF-8, as Prometheus demands.
func clean(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
