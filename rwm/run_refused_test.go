package rwm_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
)

func TestSecondRunIsRefused(t *testing.T) {
	w := newWorld(t).policed()
	m := w.manager()
	w.config.Backups["home"] = rwm.Backup{FilesDirs: []string{w.files}, PreRun: []string{
		"touch " + w.dir + "/in; while [ ! -e " + w.dir + "/go ]; do sleep 0.01; done"}}
	done := make(chan error, 1)
	go func() { _, err := m.BackupAll(context.WithoutCancel(t.Context())); done <- err }()
	for !w.exists("in") {
		time.Sleep(5 * time.Millisecond)
	}
	_, err := w.manager().BackupAll(t.Context())
	var locked *rwm.RunLockedError
	if !errors.As(err, &locked) || locked.PID != os.Getpid() || rwm.ExitCode(err) != 11 {
		t.Errorf("second run: %v", err)
	}
	w.write("go", "")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := w.manager().BackupAll(t.Context()); err != nil {
		t.Errorf("after the first run: %v", err)
	}
}

func TestInterruptedRun(t *testing.T) {
	w := newWorld(t).policed()
	ctx, cancel := context.WithCancel(t.Context())
	w.config.Backups = map[string]rwm.Backup{
		"a": {FilesDirs: []string{w.files}},
		"b": {FilesDirs: []string{w.files}, PreRun: []string{"sleep 60"}},
		"c": {FilesDirs: []string{w.files}},
	}
	m := w.manager(rwm.WithEvents(func(event rwm.Event) {
		w.event(event)
		if hook, ok := event.(rwm.HookStarted); ok && hook.Backup == "b" {
			cancel()
		}
	}))
	report, err := m.BackupAll(ctx)
	if !errors.Is(err, context.Canceled) || rwm.ExitCode(err) != 130 || table(report) != "a OK 0, b ERROR 130" {
		t.Errorf("%s, error %v", table(report), err)
	}
	if left := append(w.objects("locks/"), w.objects("rwm/")...); len(left) > 0 {
		t.Errorf("an interrupted run left %q", left)
	}
	w.config.Backups["b"] = rwm.Backup{FilesDirs: []string{w.files}}
	if report, err := w.manager().BackupAll(t.Context()); err != nil {
		t.Errorf("the next run: %s, %v", table(report), err)
	}
}

func TestOwnAndUnpolicedBucketWarns(t *testing.T) {
	w := newWorld(t)
	client := w.Client(t, w.Host)
	if err := client.MakeBucket(t.Context(), w.config.ResticBucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := client.EnableVersioning(t.Context(), w.config.ResticBucket); err != nil {
		t.Fatal(err)
	}
	w.initialised()
	if report, err := w.manager().BackupAll(t.Context()); err != nil {
		t.Fatal(table(report), err)
	}
	for _, want := range []string{"this host's own", "policy of bucket"} {
		if !strings.Contains(w.warnings(), want) {
			t.Errorf("no warning with %q in:\n%s", want, w.warnings())
		}
	}
}

// What the host must not be able to do is tried at every run, past what the policy
// seems to say.
func TestHarmfulCredentialsWarn(t *testing.T) {
	w := newWorld(t).policed()
	if report, err := w.manager().BackupAll(t.Context()); err != nil {
		t.Fatal(table(report), err)
	}
	if w.warnings() != "" {
		t.Errorf("a policed bucket: %s", w.warnings())
	}
	admin := w.Client(t, w.Admin)
	policy, err := admin.GetBucketPolicy(t.Context(), w.config.ResticBucket)
	if err != nil {
		t.Fatal(err)
	}
	policy = strings.Replace(policy, `"s3:GetObject"`, `"s3:GetObject","s3:PutBucketVersioning","s3:PutLifecycleConfiguration"`, 1)
	if err := admin.SetBucketPolicy(t.Context(), w.config.ResticBucket, policy); err != nil {
		t.Fatal(err)
	}
	if report, err := w.manager().BackupAll(t.Context()); err != nil {
		t.Fatal(table(report), err)
	}
	for _, want := range []string{"can do harm", "suspend versioning", "change the lifecycle"} {
		if !strings.Contains(w.warnings(), want) {
			t.Errorf("no %q in the warnings:\n%s", want, w.warnings())
		}
	}
	if strings.Contains(w.warnings(), "change the policy") {
		t.Errorf("more than is true:\n%s", w.warnings())
	}
}

// A prune under way elsewhere must be noticed before a hook has stopped or dumped
// anything.
func TestLockedRepositoryStopsBeforeHooks(t *testing.T) {
	w := newWorld(t).policed()
	if _, err := w.manager().BackupAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.config.Backups["home"] = rwm.Backup{FilesDirs: []string{w.files}, PreRun: []string{"touch " + w.dir + "/hook-ran"}}
	session, err := w.manager().OpenRepository(t.Context(), restic.WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	ctx, cancel := context.WithCancel(t.Context())
	w.Inject(t, s3test.Fault{Method: "GET", Path: "/index/.", Kind: s3test.Stall})
	pruned := make(chan error, 1)
	go func() { _, err := session.Prune(ctx, restic.PruneOptions{}); pruned <- err }()
	for len(w.objects("locks/")) == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	report, err := w.manager().BackupAll(t.Context())
	var locked *restic.LockedError
	if report != nil || !errors.As(err, &locked) || !locked.Exclusive || rwm.ExitCode(err) != 11 {
		t.Errorf("%s, error %v", table(report), err)
	}
	if w.exists("hook-ran") {
		t.Error("a hook was run")
	}
	cancel()
	w.ClearFaults(t)
	<-pruned
}

func TestInterruptWins(t *testing.T) {
	report := &rwm.Report{Rows: []rwm.Row{
		{Name: "a", Err: errors.New("broken"), ReturnCode: 7}, {Name: "b", Err: context.Canceled, ReturnCode: 130},
	}}
	if code := rwm.ExitCode(report.Err()); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
}
