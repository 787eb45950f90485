package main

import (
	"fmt"
	"strings"

	"github.com/cesnet/rwm/rwm"
)

type backupCmd struct {
	Names []string `arg:"" optional:"" name:"name" help:"Names of backups in the configuration." predictor:"backup"`
}

func (backupCmd) Help() string {
	return `A backup runs its prerun commands, makes the snapshot and runs its postrun commands; the
first failure ends it. If all backups succeeded, snapshots that the retention does not
keep are forgotten and the repository is pruned. Finally the state of the bucket is
saved, even if a backup failed. The result has a row for each step; the exit code is
that of the first step that failed.

  rwm backup home
  rwm backup home database --json`
}

func (c backupCmd) Run(a *app) error {
	if len(c.Names) == 0 {
		cfg, err := a.config()
		if err != nil {
			return err
		}
		if len(cfg.Backups) == 0 {
			return usageError{fmt.Errorf("which backup? name one; %s has none yet", a.cli.Config)}
		}
		return usageError{fmt.Errorf("which backup? %s has: %s; `rwm backup-all` runs all of them", a.cli.Config, strings.Join(cfg.BackupNames(), ", "))}
	}
	return a.runBackups(func(m *rwm.Manager) (*rwm.Report, error) { return m.Backup(a.ctx, c.Names...) })
}

type backupAllCmd struct{}

func (backupAllCmd) Help() string {
	return "Runs every backup of the configuration; see rwm backup --help."
}

func (backupAllCmd) Run(a *app) error {
	return a.runBackups(func(m *rwm.Manager) (*rwm.Report, error) { return m.BackupAll(a.ctx) })
}

func (a *app) runBackups(run func(*rwm.Manager) (*rwm.Report, error)) error {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	teller, err := newRunTeller(a, cfg)
	if err != nil {
		return err
	}
	m, err := a.managerOf(cfg, a.onRunEvent)
	if err != nil {
		return err
	}
	a.written.finishUnread()
	teller.begin()
	report, err := run(m)
	teller.end(report, err)
	a.plain.end()
	a.bar.end()
	if report == nil {
		return err
	}
	a.showReport(report)
	if err != nil && !a.cli.JSON {
		// Every failure has been printed where it happened.
		return &exitError{code: rwm.ExitCode(err)}
	}
	return err
}
