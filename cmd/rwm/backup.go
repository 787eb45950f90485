package main

import "github.com/cesnet/rwm/rwm"

type backupCmd struct {
	Names []string `arg:"" name:"name" help:"Names of backups in the configuration." predictor:"backup"`
}

func (backupCmd) Help() string {
	return `Each backup is its prerun commands, the backup, its postrun commands; the first failure ends it. If all of them succeeded, snapshots that the retention does not keep are forgotten and the repository is pruned. At last the state of the bucket is saved, even if a backup failed. One row of the result says how each step ended; the exit code is that of the first step that failed.

  rwm backup home
  rwm backup home database --json`
}

func (c backupCmd) Run(a *app) error {
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
	m, err := a.manager(a.onRunEvent)
	if err != nil {
		return err
	}
	report, err := run(m)
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
