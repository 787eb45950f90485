package main

import "github.com/cesnet/rwm/internal/resticflags"

type resticBackupCmd struct {
	Paths []string `arg:"" optional:"" name:"path" help:"Files and directories to back up; with --stdin-from-command the command." predictor:"file"`
	resticflags.Backup
}

func (resticBackupCmd) Help() string {
	return `Backs up into the configured repository. Saving the bucket's state is what rwm backup
does at its end, not this.

  rwm restic backup /etc /srv --exclude '*.tmp' --tag manual
  rwm restic backup --stdin-from-command --stdin-filename db.sql -- pg_dumpall`
}

func (c resticBackupCmd) Run(a *app) error {
	opts, err := c.Options(a.ctx, c.Paths, a.stdin, func(text string) { a.warn("%s", text) })
	if err != nil {
		return usageError{err}
	}
	out := backupOutput{app: a}
	opts.OnEvent = out.onEvent
	opts.Items = a.cli.Verbose > 0
	s, err := a.session()
	if err != nil {
		return err
	}
	a.floor = nil // a backup has large buffers instead
	defer a.close(s)
	result, err := s.Backup(a.ctx, opts)
	if result != nil {
		out.summary(result)
	}
	return err
}
