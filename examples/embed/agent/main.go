// Command agent backs up directories on a schedule and reports progress, without
// a configuration file and without the rwm command: all it needs comes from its
// environment and its arguments.
//
//	export S3_ENDPOINT_URL=https://s3.example.org S3_ACCESS_KEY=… S3_SECRET_KEY=…
//	export BUCKET=host1 RESTIC_PASSWORD=…
//	agent -every 6h /etc /home
//
// The bucket must have been made for this host (rwm storage-create); the
// repository in it is made when there is none yet.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
)

func main() {
	every := flag.Duration("every", 24*time.Hour, "time from the start of one run to the start of the next")
	once := flag.Bool("once", false, "run once and exit with rwm's exit code")
	lock := flag.String("lock", filepath.Join(os.TempDir(), "backup-agent.lock"), "run lock")
	flag.Parse()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	manager, err := newManager(flag.Args(), *lock, log)
	if err == nil {
		err = ensureRepository(ctx, manager, log)
	}
	if err != nil {
		log.Error("cannot start", "error", err)
		os.Exit(rwm.ExitCode(err))
	}
	if *once {
		os.Exit(rwm.ExitCode(run(ctx, manager, log)))
	}
	for ticker := time.NewTicker(*every); ; {
		_ = run(ctx, manager, log) // logged; the next run may do better
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func newManager(paths []string, lock string, log *slog.Logger) (*rwm.Manager, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	progress := &reporter{log: log}
	return rwm.New(&rwm.Config{
		S3EndpointURL:  os.Getenv("S3_ENDPOINT_URL"),
		S3AccessKey:    os.Getenv("S3_ACCESS_KEY"),
		S3SecretKey:    os.Getenv("S3_SECRET_KEY"),
		ResticBucket:   os.Getenv("BUCKET"),
		ResticPassword: os.Getenv("RESTIC_PASSWORD"),
		LockPath:       lock,
		AutoTags:       true,
		Backups:        map[string]rwm.Backup{host: {FilesDirs: paths}},
		Retention:      rwm.Retention{"keep-within": "14d", "keep-weekly": "8", "keep-monthly": "12"},
	}, rwm.WithEvents(progress.event), rwm.WithLogger(log))
}

// ensureRepository makes the repository if there is none.
func ensureRepository(ctx context.Context, manager *rwm.Manager, log *slog.Logger) error {
	session, err := manager.OpenRepository(ctx)
	switch {
	case errors.Is(err, restic.ErrRepositoryGone):
		// There was one, and it was deleted. Starting a new one would hide that: the
		// error names the versions that are left, and a human decides.
		log.Error("the repository was deleted", "error", err)
	case errors.Is(err, restic.ErrNoRepository) && !errors.Is(err, restic.ErrNoBucket):
		log.Info("making a new repository", "location", manager.Location())
		session, err = manager.InitRepository(ctx)
	}
	if err != nil {
		return err
	}
	return session.Close()
}

func run(ctx context.Context, manager *rwm.Manager, log *slog.Logger) error {
	report, err := manager.BackupAll(ctx)
	switch {
	case errors.Is(err, rwm.ErrRunLocked):
		log.Warn("skipped, the last run is still at work", "error", err)
	case report == nil:
		log.Error("nothing was done", "error", err)
	default:
		for _, row := range report.Rows {
			log.Info("step", "name", row.Name, "ok", row.OK, "code", row.ReturnCode, "took", row.Seconds)
			if row.State != nil {
				log.Info("to come back to this point", "state", row.State.Key, "version", row.State.VersionID)
			}
		}
		if err != nil {
			log.Error("the run failed", "error", err)
		}
	}
	return err
}

// reporter logs progress, but not more often than every ten seconds.
type reporter struct {
	log  *slog.Logger
	last time.Time
}

func (r *reporter) event(event rwm.Event) {
	switch event := event.(type) {
	case rwm.Warning:
		r.log.Warn(event.Text)
	case rwm.StepStarted:
		r.log.Info("begins", "step", event.Name)
		r.last = time.Now()
	case rwm.RepositoryEvent:
		switch event := event.Event.(type) {
		case restic.BackupError:
			r.log.Warn("cannot be read", "path", event.Path, "error", event.Err)
		case restic.BackupStatus:
			if time.Since(r.last) < 10*time.Second || event.TotalBytes == 0 {
				return
			}
			r.last = time.Now()
			r.log.Info("progress", "done", fmt.Sprintf("%.1f %%", 100*float64(event.BytesDone)/float64(event.TotalBytes)), "files", event.FilesDone)
		}
	}
}
