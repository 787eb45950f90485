package rwm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/restic/restictest"
	"github.com/cesnet/rwm/rwm"
)

// inMemory is a configuration whose repository is in memory.
func inMemory(t *testing.T) (*rwm.Config, *restic.Session) {
	t.Helper()
	s, loc := restictest.New(t)
	return &rwm.Config{
		Location: loc, ResticPassword: restictest.Password, LockPath: filepath.Join(t.TempDir(), "lock"),
		Backups: map[string]rwm.Backup{"a": {FilesDirs: []string{t.TempDir()}}},
	}, s
}

func newManager(t *testing.T, cfg *rwm.Config, opts ...rwm.Option) *rwm.Manager {
	t.Helper()
	m, err := rwm.New(cfg, append([]rwm.Option{rwm.WithSessionOptions(restic.WithoutCache())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A run on a repository outside S3, with Go functions as hooks and a Policy value.
func TestRunAsALibraryHasIt(t *testing.T) {
	cfg, s := inMemory(t)
	var order []string
	note := func(what string) func(context.Context) error {
		return func(context.Context) error { order = append(order, what); return nil }
	}
	cfg.Backups["a"] = rwm.Backup{FilesDirs: []string{t.TempDir()}, Before: note("before"), After: note("after")}
	cfg.Policy = &restic.Policy{Last: 1}
	m := newManager(t, cfg, rwm.WithEvents(func(ev rwm.Event) {
		if hook, ok := ev.(rwm.HookStarted); ok {
			order = append(order, "event "+string(hook.Phase))
		}
	}))
	for range 2 {
		report, err := m.BackupAll(t.Context())
		if err != nil || len(report.Rows) != 2 {
			t.Fatal(report, err)
		}
	}
	if got := strings.Join(order[:4], ", "); got != "event before, before, event after, after" {
		t.Error(got)
	}
	if list, err := s.Snapshots(t.Context(), restic.SnapshotFilter{}); err != nil || len(list) != 1 {
		t.Error(list, err)
	}

	broken := errors.New("the database is away")
	cfg.Backups["a"] = rwm.Backup{FilesDirs: []string{t.TempDir()}, Before: func(context.Context) error { return broken }}
	report, err := newManager(t, cfg).BackupAll(t.Context())
	var hook *rwm.HookError
	if !errors.Is(err, broken) || !errors.As(err, &hook) || hook.Phase != rwm.PhaseBefore || rwm.ExitCode(err) != 1 || report.Rows[0].Backup != nil {
		t.Error(report, err)
	}

	// A deadline of its own is a failure like any other: nobody has interrupted the run.
	cfg.Backups["a"] = rwm.Backup{FilesDirs: []string{t.TempDir()}, Before: func(context.Context) error {
		return fmt.Errorf("dump: %w", context.DeadlineExceeded)
	}}
	report, err = newManager(t, cfg).BackupAll(t.Context())
	if !errors.Is(err, context.DeadlineExceeded) || rwm.ExitCode(err) != 1 || report.ReturnCode() != 1 {
		t.Error(rwm.ExitCode(err), report, err)
	}
}

func TestRowSurvivesJSON(t *testing.T) {
	row := rwm.Row{Step: rwm.StepBackup, Name: "a", ReturnCode: 1, Start: time.Unix(1, 0).UTC(), Seconds: 1, Err: errors.New("because")}
	text, err := json.Marshal(rwm.Report{Run: "r", Rows: []rwm.Row{row}})
	if err != nil {
		t.Fatal(err)
	}
	var back rwm.Report
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	got := back.Rows[0]
	if got.Err == nil || got.Err.Error() != "because" || back.Run != "r" || back.Err() == nil {
		t.Errorf("%s became %+v", text, got)
	}
	got.Err, row.Err = nil, nil
	if got != row {
		t.Errorf("%+v became %+v", row, got)
	}
}

func TestRunLockCanBeWaitedFor(t *testing.T) {
	cfg, _ := inMemory(t)
	holding, release := make(chan struct{}), make(chan struct{})
	first := *cfg
	first.Backups = map[string]rwm.Backup{"a": {FilesDirs: []string{t.TempDir()}, Before: func(context.Context) error {
		close(holding)
		<-release
		return nil
	}}}
	var ran sync.WaitGroup
	ran.Go(func() {
		if _, err := newManager(t, &first).BackupAll(t.Context()); err != nil {
			t.Error(err)
		}
	})
	<-holding
	if _, err := newManager(t, cfg).BackupAll(t.Context()); !errors.Is(err, rwm.ErrRunLocked) {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := newManager(t, cfg, rwm.WithLockWait(time.Hour)).BackupAll(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	waits := rwm.WithEvents(func(ev rwm.Event) {
		if w, ok := ev.(rwm.Waiting); ok && errors.Is(w.Err, rwm.ErrRunLocked) {
			close(release)
		}
	})
	if _, err := newManager(t, cfg, waits, rwm.WithLockWait(time.Minute)).BackupAll(t.Context()); err != nil {
		t.Error(err)
	}
	ran.Wait()
}

// The events of each run can be told apart, those of the engine included.
func TestEventsCarryTheirRun(t *testing.T) {
	cfg, _ := inMemory(t)
	var mu sync.Mutex
	seen := map[rwm.RunID][]string{}
	m := newManager(t, cfg, rwm.WithRunEvents(func(run rwm.RunID, ev rwm.Event) {
		mu.Lock()
		defer mu.Unlock()
		kind := "run"
		if _, ok := ev.(rwm.RepositoryEvent); ok {
			kind = "engine"
		}
		seen[run] = append(seen[run], kind)
	}))
	var runs []rwm.RunID
	for range 2 {
		report, err := m.BackupAll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, report.Run)
	}
	if runs[0] == runs[1] || runs[0] == "" || len(seen) != 2 {
		t.Errorf("%q, %d kinds", runs, len(seen))
	}
	for _, run := range runs {
		if !slices.Contains(seen[run], "run") || !slices.Contains(seen[run], "engine") {
			t.Errorf("%s: %q", run, seen[run])
		}
	}
}

// New has no context, so it waits for no pipe.
func TestNewWaitsForNoPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	mkfifo, err := exec.LookPath("mkfifo")
	if err != nil || exec.Command(mkfifo, pipe).Run() != nil {
		t.Skip("no named pipes here")
	}
	cfg := &rwm.Config{S3EndpointURL: "https://127.0.0.1:1", S3AccessKey: "a", S3SecretKey: "b"}
	for _, flag := range []string{"--cacert", "--tls-client-cert"} {
		cfg.BackupExtras = []string{flag, pipe}
		if _, err := rwm.New(cfg); !errors.Is(err, rwm.ErrConfig) || !strings.Contains(err.Error(), "WithTransport") {
			t.Errorf("%s: %v", flag, err)
		}
		if _, err := rwm.New(cfg, rwm.WithTransport(http.DefaultTransport)); err != nil {
			t.Errorf("%s with a transport: %v", flag, err)
		}
	}
}

func TestNilIsAnErrorNotAPanic(t *testing.T) {
	cfg, _ := inMemory(t)
	if _, err := rwm.New(nil); !errors.Is(err, rwm.ErrConfig) {
		t.Error(err)
	}
	if _, err := rwm.New(cfg, nil); err == nil {
		t.Error("a nil option was taken")
	}
	var none *rwm.Config
	_, noClient := rwm.NewClient(nil, nil)
	_, noText := rwm.ParseConfig(nil, "rwm.conf")
	_, noDescription := none.Describe()
	for _, err := range []error{none.Validate(), none.ReadSecrets(t.Context(), nil), noClient, noText, noDescription} {
		if !errors.Is(err, rwm.ErrConfig) {
			t.Error(err)
		}
	}
	if report := (*rwm.Report)(nil); report.OK() || report.Err() == nil || report.ReturnCode() == 0 {
		t.Error("a run that did not begin succeeded")
	}
	m := newManager(t, cfg, rwm.WithLogger(nil), rwm.WithClock(nil), rwm.WithEvents(nil), rwm.WithRunEvents(nil), rwm.WithOutput(nil, nil), rwm.WithClient(nil), rwm.WithTransport(nil))
	if _, err := m.BackupAll(t.Context()); err != nil {
		t.Error(err)
	}
	// There is no S3 service to ask.
	if _, err := m.SaveState(t.Context()); err == nil {
		t.Error("no error")
	}
	if _, err := m.Storage().States(t.Context(), "bucket"); err == nil {
		t.Error("no error")
	}
	cfg.Policy = &restic.Policy{}
	if _, err := rwm.New(cfg); !errors.Is(err, rwm.ErrConfig) {
		t.Error(err)
	}
	cfg.Policy, cfg.Retention = &restic.Policy{Last: 1}, rwm.Retention{"keep-last": "1"}
	if _, err := rwm.New(cfg); !errors.Is(err, rwm.ErrConfig) {
		t.Error(err)
	}
}
