package main

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/cesnet/rwm/fusemount"
	"github.com/cesnet/rwm/restic"
)

type resticMountCmd struct {
	reads
	Mountpoint           string        `arg:"" help:"An empty directory." predictor:"dir"`
	AllowOther           bool          `help:"Let other users in, as far as the permissions in the backup allow."`
	NoDefaultPermissions bool          `help:"With --allow-other: let them read everything."`
	OwnerRoot            bool          `help:"Show root as the owner of everything."`
	PathTemplate         []string      `sep:"none" help:"Where snapshots appear (repeatable): %i short ID, %I long ID, %u user, %h host, %t tags, %T time. Default: ids/%i, snapshots/%T, hosts/%h/%T, tags/%t/%T." placeholder:"TEMPLATE"`
	TimeTemplate         string        `aliases:"snapshot-template" help:"Layout of %T, as Go formats time. Default: 2006-01-02T15:04:05Z07:00." placeholder:"TEMPLATE"`
	CacheSize            string        `help:"How much plain data to keep in memory and to read ahead." placeholder:"SIZE" default:"128M"`
	ReadTimeout          time.Duration `help:"How long the storage may take before a read fails." placeholder:"DURATION" default:"1m"`
	snapshotFlags
}

func (resticMountCmd) Help() string {
	return `Shows the snapshots as a read-only file system until Ctrl-C or umount. New snapshots
appear by themselves. It stays in the foreground; run it from systemd with Type=notify
to have it in the background.

  mkdir /tmp/back && rwm restic mount /tmp/back
  cp -a /tmp/back/snapshots/latest/etc/hosts /etc/hosts

A mount that is still in use is detached at the end: the directory is free, and the
processes that use it are named. A read that fails gives an input/output error, and
standard error names the data; the mount stays usable.`
}

func (c resticMountCmd) Run(a *app) error {
	size, err := restic.ParseSize(c.CacheSize)
	if err != nil {
		return usageError{fmt.Errorf("--cache-size: %w", err)}
	}
	opts := fusemount.Options{
		Filter: c.filter(), PathTemplates: c.PathTemplate, TimeTemplate: c.TimeTemplate,
		OwnerRoot: c.OwnerRoot, AllowOther: c.AllowOther, NoDefaultPermissions: c.NoDefaultPermissions,
		CacheSize: int64(size), ReadTimeout: c.ReadTimeout,
		Logger: a.mountLogger(),
	}
	s, err := a.session()
	if err != nil {
		return err
	}
	a.floor = nil // a mount stays for days
	defer a.close(s)
	f, err := fusemount.Mount(a.ctx, s, c.Mountpoint, opts)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Ready(a.ctx); err != nil {
		return err
	}
	a.say("now serving the repository at %s; Ctrl-C or umount ends it", f.Dir())
	_, _ = daemon.SdNotify(false, daemon.SdNotifyReady)
	result, err := f.Wait()
	_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
	if err != nil {
		return err
	}
	if result.Lazy {
		a.warn("rwm: %s: %v", f.Dir(), result)
	}
	return &exitError{code: exitOK} // Ctrl-C is the way to end it
}

// mountLogger reports what goes wrong while the mount goes on.
func (a *app) mountLogger() *slog.Logger {
	level := slog.LevelError
	if a.cli.Debug {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: level}))
}
