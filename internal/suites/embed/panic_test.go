package embed

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/events"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/keeper"
	resticapi "github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
	"github.com/cesnet/rwm/s3tool"
)

var errBroken = errors.New("a fault of the caller's function")

func broken() { panic(errBroken) }

// ends returns what an operation's caller gets: its error, or its panic as one.
func ends(t *testing.T, what string, op func() error) error {
	t.Helper()
	ended := make(chan error, 1)
	go func() {
		var err error
		if p := events.Catch(func() { err = op() }); p != nil {
			err = p
		}
		ended <- err
	}()
	select {
	case err := <-ended:
		return err
	case <-time.After(time.Minute):
		t.Fatalf("%s does not end", what)
		return nil
	}
}

// What the functions of the caller panic with comes back to the caller, in the packages
// above restic, too (which has a test of its own): the program goes on, nothing stays
// locked, and the next call works.
func TestPanicsReachTheCaller(t *testing.T) {
	ctx := t.Context()
	srv := s3test.Shared(t)
	client := srv.Client(t, srv.Admin)
	const bucket = "panics"
	if _, err := s3state.New(client).Create(ctx, bucket, srv.Host.Name, s3state.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	backup := rwm.Backup{FilesDirs: []string{dir}}
	config := func(b rwm.Backup) *rwm.Config {
		return &rwm.Config{S3EndpointURL: srv.URL, S3AccessKey: srv.Admin.AccessKey, S3SecretKey: srv.Admin.SecretKey,
			ResticBucket: bucket, ResticPassword: "x", LockPath: filepath.Join(dir, "lock"), Backups: map[string]rwm.Backup{"b": b}}
	}
	manager := func(b rwm.Backup, opts ...rwm.Option) *rwm.Manager {
		m, err := rwm.New(config(b), append(opts, rwm.WithSessionOptions(resticapi.WithoutCache()))...)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	sound := manager(backup)
	s, err := sound.InitRepository(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	run := func(m *rwm.Manager) func() error {
		return func() error { _, err := m.BackupAll(ctx); return err }
	}
	before, after := backup, backup
	before.Before = func(context.Context) error { broken(); return nil }
	after.After = func(context.Context) error { broken(); return nil }
	state := func(e s3state.Event) { broken() }
	history := s3state.HistoryOptions{Inspector: func(context.Context, time.Time) (s3state.Inspect, error) {
		return func(s3state.Version, []byte) (s3state.Verdict, error) { broken(); return s3state.Verdict{}, nil }, nil
	}}
	store := s3state.New(client)
	tool := s3tool.New(client)
	for _, op := range []struct {
		what string
		do   func() error
	}{
		{"a run's events", run(manager(backup, rwm.WithEvents(func(rwm.Event) { broken() })))},
		{"a run's repository events", run(manager(backup, rwm.WithEvents(func(e rwm.Event) {
			if _, ok := e.(rwm.RepositoryEvent); ok {
				broken()
			}
		})))},
		{"Before", run(manager(before))},
		{"After", run(manager(after))},
		{"s3state's events", func() error {
			_, err := store.Save(ctx, bucket, s3state.CaptureOptions{OnEvent: state})
			return err
		}},
		{"Inspector", func() error { _, err := store.History(ctx, bucket, history); return err }},
		{"s3tool's Copy", func() error {
			_, err := tool.Copy(ctx, dir, "", "s3://"+bucket+"/other/", s3tool.CopyOptions{Recursive: true, OnEvent: func(s3tool.Copied) { broken() }})
			return err
		}},
		{"s3tool's Remove", func() error {
			_, err := tool.Remove(ctx, s3tool.Location{Bucket: bucket, Key: "other"}, s3tool.RemoveOptions{Recursive: true, OnEvent: func(s3tool.Removed) { broken() }})
			return err
		}},
	} {
		if err := ends(t, op.what, op.do); !errors.Is(err, errBroken) {
			t.Errorf("%s: the caller got %v", op.what, err)
		}
		if err := ends(t, "a run after "+op.what, run(sound)); err != nil {
			t.Errorf("after %s: %v", op.what, err)
		}
	}
}

type brokenTeller struct{}

func (brokenTeller) Tell(context.Context, keeper.Message) error      { broken(); return nil }
func (brokenTeller) Ping(context.Context, keeper.Ping, string) error { broken(); return nil }

// brokenStorage panics in every method.
type brokenStorage struct{ keeper.Storage }

// A storage or a receiver that panics does not keep the others from their pass.
func TestPanicsInAPass(t *testing.T) {
	for what, opt := range map[string]keeper.Option{
		"WithEvents": keeper.WithEvents(func(keeper.Event) { broken() }),
		"WithTeller": keeper.WithTeller(brokenTeller{}),
		"WithStorage": keeper.WithStorage(func(context.Context, string, *keeper.StorageConfig, http.RoundTripper) (keeper.Storage, error) {
			broken()
			return nil, nil
		}),
		"no Storage": keeper.WithStorage(func(context.Context, string, *keeper.StorageConfig, http.RoundTripper) (keeper.Storage, error) {
			return nil, nil
		}),
		"Storage": keeper.WithStorage(func(context.Context, string, *keeper.StorageConfig, http.RoundTripper) (keeper.Storage, error) {
			return brokenStorage{}, nil
		}),
	} {
		k, err := keeper.New(&keeper.Config{StateDir: filepath.Join(t.TempDir(), "state"), Storages: map[string]*keeper.StorageConfig{
			"one": {S3EndpointURL: "http://127.0.0.1:1", ResticBucket: "one"}, "two": {S3EndpointURL: "http://127.0.0.1:1", ResticBucket: "two"},
		}}, opt)
		if err != nil {
			t.Fatal(err)
		}
		var report *keeper.Report
		err = ends(t, what, func() (err error) { report, err = k.Pass(t.Context()); return err })
		switch {
		case what == "WithEvents" && errors.Is(err, errBroken): // a panic of Pass
			continue
		case what == "WithTeller" && !strings.Contains(report.Unpinged, errBroken.Error()):
			t.Errorf("%s: the watchdog was not pinged, and the report says: %q", what, report.Unpinged)
		case what == "WithTeller" && !strings.Contains(report.Untold, errBroken.Error()):
			t.Errorf("%s: nobody was told, and the report says: %q", what, report.Untold)
		case report == nil || len(report.Storages) != 2 || report.Green():
			t.Errorf("%s: %+v, %v", what, report, err)
		}
	}
}
