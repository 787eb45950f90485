package restic

import (
	"context"
	"fmt"
	"io"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engmigrations "github.com/restic/restic/rwmlink/migrations"
	engrepository "github.com/restic/restic/rwmlink/repository"
)

// Migration is a change of the repository's format.
type Migration struct {
	Name, Description string
	// Applicable reports whether it can be applied; if not, Reason explains why.
	Applicable bool
	Reason     string
}

// MigrateOptions configures a migration.
type MigrateOptions struct {
	// Force applies a migration that does not seem applicable.
	Force bool
	// OnEvent receives Message events and those of the check.
	OnEvent func(Event)
}

// Migrations lists the available migrations.
func (s *Session) Migrations(ctx context.Context) ([]Migration, error) {
	var list []Migration
	err := s.run(ctx, access{}, func(ctx context.Context, repo *engrepository.Repository) error {
		for _, m := range *engmigrations.All {
			ok, reason, err := m.Check(ctx, repo)
			if err != nil {
				return fmt.Errorf("migration %s: %w", m.Name(), err)
			}
			list = append(list, Migration{Name: m.Name(), Description: m.Desc(), Applicable: ok, Reason: reason})
		}
		return nil
	})
	return list, err
}

// Migrate applies a migration. If the migration requires it, the repository is checked
// first and must be undamaged. The error wraps ErrNotApplicable if there is nothing to
// migrate.
func (s *Session) Migrate(ctx context.Context, name string, o MigrateOptions) error {
	var found engmigrations.Migration
	for _, m := range *engmigrations.All {
		if m.Name() == name {
			found = m
		}
	}
	if found == nil {
		return fmt.Errorf("there is no migration %q", name)
	}
	if s.opts.readOnly {
		return fmt.Errorf("%s: %w", s.loc, ErrReadOnly)
	}
	applicable := func(ctx context.Context, repo *engrepository.Repository) error {
		ok, reason, err := found.Check(ctx, repo)
		switch {
		case err != nil:
			return fmt.Errorf("migration %s: %w", name, err)
		case !ok && !o.Force:
			return fmt.Errorf("migration %s %w: %s", name, ErrNotApplicable, reason)
		}
		return nil
	}
	rep := s.reporter(o.OnEvent)
	defer rep.stop()
	// a check may take hours
	if err := s.run(ctx, access{}, applicable); err != nil {
		return err
	}
	if found.RepoCheck() {
		rep.emit(Message{Level: 1, Text: "checking repository integrity..."})
		if _, err := s.check(ctx, CheckOptions{}, rep); err != nil {
			return fmt.Errorf("migration %s: %w", name, err)
		}
	}
	return s.run(ctx, access{lock: exclusiveLock}, func(ctx context.Context, repo *engrepository.Repository) error {
		if err := applicable(ctx, repo); err != nil { // another process may have done it meanwhile
			return err
		}
		rep.emit(Message{Level: 1, Text: "applying migration " + name + "..."})
		if err := found.Apply(ctx, repo); err != nil {
			return fmt.Errorf("migration %s: %w", name, err)
		}
		return s.readConfigAgain(ctx)
	})
}

// readConfigAgain replaces the config that the session was opened with.
func (s *Session) readConfigAgain(ctx context.Context) error {
	var raw []byte
	err := s.stack.Load(ctx, engbackend.Handle{Type: engbackend.ConfigFile}, 0, 0, func(rd io.Reader) (err error) {
		raw, err = io.ReadAll(rd)
		return err
	})
	if err != nil {
		return fmt.Errorf("the migration is done, but the new config could not be read: %w", err)
	}
	next := *s.known
	next.config = raw
	s.known = &next
	repo, err := s.fresh(ctx, s.opts.engine(), false)
	if err != nil {
		return err
	}
	s.version.Store(uint64(repo.Config().Version))
	return nil
}
