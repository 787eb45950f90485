package rwm_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

func listOptions(prefix string) minio.ListObjectsOptions {
	return minio.ListObjectsOptions{Prefix: prefix, Recursive: true}
}

func TestBackupRun(t *testing.T) {
	w := newWorld(t).policed()
	w.config.AutoTags = true
	w.config.BackupExtras = []string{"--tag", "everywhere"}
	w.config.Retention = rwm.Retention{"keep-last": "1", "keep-within": "1h"}
	w.config.Backups = map[string]rwm.Backup{
		"home": {
			FilesDirs: []string{w.files}, Excludes: []string{"*.bak"}, Tags: []string{"nightly"},
			PreRun:  []string{"echo pre1", "echo pre2 $RWM_BACKUP"},
			PostRun: []string{"echo post"},
		},
		"etc": {FilesDirs: []string{w.files}, Extras: []string{"--exclude", "a.*", "--compression", "max"}},
	}
	report, err := w.manager().Backup(t.Context(), "home", "etc", "home")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := table(report), "home OK 0, etc OK 0, retention OK 0, state OK 0"; got != want {
		t.Errorf("report %q, want %q", got, want)
	}
	if got, want := w.out.String(), "pre1\npre2 home\npost\n"; got != want {
		t.Errorf("hooks wrote %q, want %q", got, want)
	}
	snapshots := w.snapshots()
	if got, want := tags(snapshots), []string{"etc+everywhere", "everywhere+home+nightly"}; !reflect.DeepEqual(got, want) {
		t.Errorf("tags %q, want %q", got, want)
	}
	for _, snapshot := range snapshots {
		if snapshot.Summary.TotalFilesProcessed != 1 {
			t.Errorf("snapshot %v has %d files, want 1: an exclude has no effect", snapshot.Tags, snapshot.Summary.TotalFilesProcessed)
		}
	}
	for _, row := range report.Rows {
		if (row.Backup != nil) != (row.Step == rwm.StepBackup) || (row.Forget != nil) != (row.Step == rwm.StepRetention) || (row.State != nil) != (row.Step == rwm.StepState) {
			t.Errorf("row %s has the wrong results", row.Name)
		}
	}
	if locks := w.objects("locks/"); len(locks) > 0 {
		t.Errorf("locks left: %q", locks)
	}
	if states := w.objects("rwm/"); len(states) != 1 || states[0] != report.Rows[3].State.Key {
		t.Errorf("states %q, want the one of the report", states)
	}
	if got, want := steps(w.events), "run; +home prerun0 prerun1 postrun0 -home; +etc -etc; +retention -retention; +state -state"; got != want {
		t.Errorf("events %q, want %q", got, want)
	}
	if got := w.warnings(); got != "" {
		t.Errorf("warnings: %s", got)
	}
}

// steps is the order of the events that are not progress.
func steps(events []rwm.Event) string {
	var b strings.Builder
	for _, event := range events {
		switch e := event.(type) {
		case rwm.RunStarted:
			b.WriteString("run")
		case rwm.StepStarted:
			b.WriteString("; +" + short(e.Step, e.Name))
		case rwm.HookStarted:
			fmt.Fprintf(&b, " %s%d", e.Phase, e.Index)
		case rwm.StepFinished:
			b.WriteString(" -" + short(e.Row.Step, e.Row.Name))
		case rwm.StepSkipped:
			b.WriteString("; skip " + string(e.Step))
		}
	}
	return b.String()
}

// The saved state must not hold the run's own lock: a bucket rebuilt from it would be
// locked.
func TestStateHasNoLock(t *testing.T) {
	w := newWorld(t).policed()
	report, err := w.manager().BackupAll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	state := report.Rows[1].State
	reader, err := s3state.New(w.Client(t, w.Admin)).OpenState(t.Context(), state.Bucket, state.Key, state.VersionID)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	current := 0
	for version, err := range reader.All() {
		if err != nil {
			t.Fatal(err)
		}
		if version.IsLatest && !version.DeleteMarker {
			current++
			if strings.HasPrefix(version.Key, "locks/") {
				t.Errorf("the state holds %s as current", version.Key)
			}
		}
	}
	if current == 0 {
		t.Error("the state holds nothing")
	}
}

func TestOneSessionForAllBackups(t *testing.T) {
	w := newWorld(t).policed()
	for i := range 5 {
		w.config.Backups[fmt.Sprint("b", i)] = rwm.Backup{FilesDirs: []string{w.files}}
	}
	m := w.manager()
	w.ResetRequests(t)
	report, err := m.BackupAll(t.Context())
	if err != nil || len(report.Rows) != 7 {
		t.Fatal(table(report), err)
	}
	count := map[string]int{}
	for _, r := range w.Requests(t) {
		key := strings.TrimPrefix(r.Path, "/"+w.config.ResticBucket+"/")
		switch {
		case key == "config" && r.Method == "GET":
			count["config"]++
		case strings.HasPrefix(key, "locks/") && r.Method == "PUT":
			count["lock"]++
		}
	}
	if count["config"] != 1 || count["lock"] != 1 {
		t.Errorf("6 backups read the config %d times and took %d locks, want 1 and 1", count["config"], count["lock"])
	}
}

func TestFailuresKeepGoing(t *testing.T) {
	w := newWorld(t).policed()
	w.config.Retention = rwm.Retention{"keep-last": "1"}
	unreadable := w.write("partly/ok.txt", "ok")
	w.config.Backups = map[string]rwm.Backup{
		"1-hook":    {FilesDirs: []string{w.files}, PreRun: []string{"exit 7", "touch " + w.dir + "/never"}},
		"2-good":    {FilesDirs: []string{w.files}},
		"3-post":    {FilesDirs: []string{w.files}, PostRun: []string{"exit 9"}},
		"4-partial": {FilesDirs: []string{unreadable, w.dir + "/absent"}},
		"5-absent":  {FilesDirs: []string{w.dir + "/absent"}, PostRun: []string{"touch " + w.dir + "/never"}},
	}
	report, err := w.manager().BackupAll(t.Context())
	if got, want := table(report), "1-hook ERROR 7, 2-good OK 0, 3-post ERROR 9, 4-partial ERROR 3, 5-absent ERROR 1, state OK 0"; got != want {
		t.Errorf("report %q, want %q", got, want)
	}
	if w.exists("never") {
		t.Error("a command after a failure was run")
	}
	var runErr *rwm.RunError
	if !errors.As(err, &runErr) || len(runErr.Failed) != 4 || rwm.ExitCode(err) != 1 || report.ReturnCode() != 1 {
		t.Errorf("error %v (code %d)", err, rwm.ExitCode(err))
	}
	for _, sentinel := range []error{rwm.ErrHook, restic.ErrIncomplete, restic.ErrNoSource} {
		if !errors.Is(err, sentinel) {
			t.Errorf("the run's error hides %v", sentinel)
		}
	}
	if got := len(w.snapshots()); got != 3 {
		t.Errorf("%d snapshots, want 3 (good, post and partial)", got)
	}
	if !strings.HasSuffix(steps(w.events), "skip retention; +state -state") {
		t.Errorf("retention not skipped: %q", steps(w.events))
	}
}

func TestNoRetentionNoForget(t *testing.T) {
	w := newWorld(t).policed()
	for range 2 {
		report, err := w.manager().BackupAll(t.Context())
		if err != nil || table(report) != "home OK 0, state OK 0" {
			t.Fatal(table(report), err)
		}
	}
	if got := len(w.snapshots()); got != 2 {
		t.Errorf("%d snapshots, want 2", got)
	}
}

func TestRetentionForgetsAndPrunes(t *testing.T) {
	w := newWorld(t).policed()
	w.config.Retention = rwm.Retention{"keep-last": "1"}
	var last *rwm.Report
	for i := range 3 {
		w.write("files/a.txt", strings.Repeat(fmt.Sprint("round ", i), 1000))
		var err error
		if last, err = w.manager().BackupAll(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(w.snapshots()); got != 1 {
		t.Errorf("%d snapshots, want 1", got)
	}
	forget := last.Rows[1].Forget
	if forget == nil || len(forget.Removed) != 1 || forget.Prune == nil {
		t.Errorf("retention result %+v", forget)
	}
	if !strings.Contains(w.warnings(), "keep-within") {
		t.Errorf("no warning about keep-within: %q", w.warnings())
	}
}

func TestExtrasThatNeedTheirOwnSession(t *testing.T) {
	w := newWorld(t).policed()
	w.config.Retention = rwm.Retention{"keep-last": "9"}
	w.config.Backups["limited"] = rwm.Backup{FilesDirs: []string{w.files}, Extras: []string{"--limit-upload", "100000", "--no-cache"}}
	report, err := w.manager().BackupAll(t.Context())
	if err != nil || table(report) != "home OK 0, limited OK 0, retention OK 0, state OK 0" {
		t.Fatal(table(report), err)
	}
}

func TestFilesFromMadeByHook(t *testing.T) {
	w := newWorld(t).policed()
	list := w.dir + "/list"
	w.config.Backups["home"] = rwm.Backup{
		FilesDirs: []string{w.files}, Extras: []string{"--files-from-verbatim", list},
		PreRun: []string{"echo made > " + w.dir + "/made; echo " + w.dir + "/made > " + list},
	}
	if report, err := w.manager().BackupAll(t.Context()); err != nil {
		t.Fatal(table(report), err)
	}
	if paths := w.snapshots()[0].Paths; len(paths) != 2 {
		t.Errorf("paths %q, want two", paths)
	}
}

func TestWithClientNeedsNoS3Config(t *testing.T) {
	w := newWorld(t).policed()
	w.config.S3EndpointURL, w.config.S3AccessKey, w.config.S3SecretKey = "", "", ""
	if _, err := w.manager(rwm.WithClient(w.Client(t, w.Host))).BackupAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := rwm.New(w.config); !errors.Is(err, rwm.ErrConfig) {
		t.Errorf("without a client: %v", err)
	}
}
