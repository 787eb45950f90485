package restic

import (
	"context"
	"fmt"
	"io"

	"github.com/restic/restic/rwmlink/backend"
	"github.com/restic/restic/rwmlink/migrations"
	"github.com/restic/restic/rwmlink/repository"
)

// Migration is a change of the repository's format.
type Migration struct {
	Name, Description string
	// Applicable says whether it can be applied; if not, Reason says why.
	Applicable bool
	Reason     string
}

// MigrateOptions says how to migrate.
type MigrateOptions struct {
	// Force applies a migration that does not seem applicable.
	Force bool
	// OnEvent receives Message events and those of the check.
	OnEvent func(Event)
}

// Migrations lists the migrations there are.
func (s *Session) Migrations(ctx context.Context) ([]Migration, error) {
	var list []Migration
	err := s.read(ctx, false, func(ctx context.Context, repo *repository.Repository) error {
		for _, m := range *migrations.All {
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

// Migrate applies a migration. Where the migration asks for it the repository is checked first and has to be sound. The error wraps ErrNotApplicable
// if the repository is as the migration would make it.
func (s *Session) Migrate(ctx context.Context, name string, o MigrateOptions) error {
	var found migrations.Migration
	for _, m := range *migrations.All {
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
	applicable := func(ctx context.Context, repo *repository.Repository) error {
		ok, reason, err := found.Check(ctx, repo)
		switch {
		case err != nil:
			return fmt.Errorf("migration %s: %w", name, err)
		case !ok && !o.Force:
			return fmt.Errorf("migration %s %w: %s", name, ErrNotApplicable, reason)
		}
		return nil
	}
	// a check may take hours
	if err := s.read(ctx, false, applicable); err != nil {
		return err
	}
	say := func(text string) {
		if o.OnEvent != nil {
			o.OnEvent(Message{Level: 1, Text: text})
		}
	}
	if found.RepoCheck() {
		say("checking repository integrity...")
		if _, err := s.Check(ctx, CheckOptions{OnEvent: o.OnEvent}); err != nil {
			return fmt.Errorf("migration %s: %w", name, err)
		}
	}
	return s.writeUnindexed(ctx, func(ctx context.Context, repo *repository.Repository) error {
		if err := applicable(ctx, repo); err != nil { // others may have done it meanwhile
			return err
		}
		say("applying migration " + name + "...")
		if err := found.Apply(ctx, repo); err != nil {
			return fmt.Errorf("migration %s: %w", name, err)
		}
		return s.readConfigAgain(ctx)
	})
}

// readConfigAgain makes the session forget the config it was opened with.
func (s *Session) readConfigAgain(ctx context.Context) error {
	var raw []byte
	err := s.stack.Load(ctx, backend.Handle{Type: backend.ConfigFile}, 0, 0, func(rd io.Reader) (err error) {
		raw, err = io.ReadAll(rd)
		return err
	})
	if err != nil {
		return fmt.Errorf("the migration is done, but the new config could not be read: %w", err)
	}
	next := *s.known
	next.config = raw
	s.known = &next
	repo, err := s.fresh(ctx, false)
	if err != nil {
		return err
	}
	s.version.Store(uint64(repo.Config().Version))
	return nil
}
