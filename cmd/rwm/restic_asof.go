package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

// momentFlags choose a moment of the past.
type momentFlags struct {
	State string `help:"As of a saved state: KEY, or KEY@VERSION as rwm storage-info shows them." placeholder:"KEY[@VERSION]"`
	At    string `help:"As of a time by the storage's clock: 2026-11-01T12:00:00+01:00, '2026-11-01 12:00' (local time) or '2h ago'." placeholder:"TIME"`
}

func (f momentFlags) given() bool { return f.State != "" || f.At != "" }

// moment is the zero Moment if none is given.
func (f momentFlags) moment() (s3state.Moment, error) {
	if !f.given() {
		return s3state.Moment{}, nil
	}
	m, err := rwm.ParseMoment(f.State, f.At, time.Now())
	if err != nil {
		flag := "--at"
		if f.State != "" {
			flag = "--state"
		}
		return m, usageError{fmt.Errorf("%s: %w", flag, err)}
	}
	return m, nil
}

// checkPast refuses, before anything is done, what cannot be done in the past.
func (a *app) checkPast(kctx *kong.Context) error {
	f := a.cli.Restic.momentFlags
	if !f.given() {
		return nil
	}
	if _, err := f.moment(); err != nil {
		return err
	}
	e, name := selectedEffect(kctx), resticName(kctx.Selected())
	switch {
	case e.past:
		return nil
	case e.dryRun:
		return usageError{fmt.Errorf("with --state and --at the repository is looked at as it was and cannot be changed: %s needs --dry-run; nothing was done", name)}
	}
	return usageError{fmt.Errorf("with --state and --at the repository is looked at as it was and cannot be changed: there is no %s then; nothing was done. These commands are: %s",
		name, strings.Join(pastCommands(kctx.Model), ", "))}
}

// past makes r the configured repository as it was.
func (r *repository) past(f momentFlags) error {
	moment, err := f.moment()
	if err != nil {
		return err
	}
	if r.manager == nil {
		return usageError{errors.New("--state and --at look into the configured bucket; -r names another repository")}
	}
	loc, view, err := r.manager.LocationAsOf(r.app.ctx, moment)
	r.app.bar.end()
	if err != nil {
		return err
	}
	r.location = loc
	r.name = loc.String()
	r.app.showMoment(view)
	return nil
}

// showMoment says which past is looked at. It goes to standard error, for
// standard output may be a file's content.
func (a *app) showMoment(view *s3state.View) {
	if a.cli.JSON {
		_ = emitTo(a.stderr, map[string]any{
			"message_type": "as_of", "bucket": view.Bucket, "time": view.Time, "state_key": view.Moment.StateKey,
			"state_version": view.Moment.StateVersion, "objects": view.Len(),
		})
		return
	}
	if !a.cli.Quiet {
		a.warn("rwm: bucket %s %s: %s; read-only, nothing is copied", view.Bucket, rwm.MomentString(view, time.Local), count(view.Len(), "object"))
	}
}

// copyFromPast gives the configured repository as it was to copy from, and that
// of -r to copy to.
func (f fromFlags) copyFromPast(a *app) (from, to *repository, err error) {
	access := a.cli.Restic.Access
	if f.given() || access.Repo == "" && access.RepositoryFile == "" {
		return nil, nil, usageError{errors.New("copy with --state or --at copies from the configured repository as it was: give the one to copy to with -r, and no --from-repo")}
	}
	if to, err = a.destination(access); err != nil {
		return nil, nil, err
	}
	access.Repo, access.RepositoryFile = "", ""
	if from, err = a.namedRepository(access, nil); err != nil {
		return nil, nil, err
	}
	if err = from.configured(access); err != nil {
		return nil, nil, err
	}
	return from, to, from.past(a.cli.Restic.momentFlags)
}
