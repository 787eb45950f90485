package main

import (
	"errors"

	"github.com/cesnet/rwm/restic"
)

type resticMigrateCmd struct {
	writes
	Names []string `arg:"" optional:"" name:"migration" help:"Migrations to apply; without any, those that can be applied are listed."`
	Force bool     `short:"f" help:"Apply a migration that does not seem applicable."`
}

func (c resticMigrateCmd) Run(a *app) error {
	s, err := a.session()
	if err != nil {
		return err
	}
	defer a.close(s)
	if len(c.Names) == 0 {
		return a.listMigrations(s)
	}
	var errs []error
	for _, name := range c.Names {
		err := s.Migrate(a.ctx, name, restic.MigrateOptions{Force: c.Force, OnEvent: a.onCheckEvent})
		switch {
		case err == nil:
			a.say("migration %s: success", name)
		case errors.Is(err, restic.ErrNotApplicable): // as with restic, a migration that was done before succeeds
			a.warn("%v; --force applies it all the same", err)
		default:
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (a *app) listMigrations(s *restic.Session) error {
	list, err := s.Migrations(a.ctx)
	if err != nil {
		return err
	}
	a.say("available migrations:")
	found := false
	for _, m := range list {
		switch {
		case a.cli.JSON:
			_ = a.emit(map[string]any{"name": m.Name, "description": m.Description, "applicable": m.Applicable, "reason": m.Reason})
		case m.Applicable:
			a.printf("  %s\t%s\n", m.Name, m.Description)
		}
		found = found || m.Applicable
	}
	if !found {
		a.say("no migrations found")
	}
	return nil
}
