package main

import (
	"fmt"

	"github.com/cesnet/rwm/s3state"
)

type storageDropVersionsCmd struct {
	Bucket     string `arg:"" help:"Name of the bucket."`
	KeepWithin string `help:"Keep every version that was current at any time within DURATION, e.g. 30d." placeholder:"DURATION"`
	KeepStates int    `help:"Keep the N newest proved states (without the password: confirmed ones) and the versions they name; -1 for all." placeholder:"N"`
	DryRun     bool   `short:"n" help:"Remove nothing, only count what would be removed."`
	Reviewed   bool   `help:"You have reviewed rwm storage-history: neither its marks nor a missing proof prevent anything." xor:"check"`
	Unchecked  bool   `help:"Drop versions even if rwm storage-check finds the storage incomplete." xor:"check"`
	proofFlags
}

func (storageDropVersionsCmd) Help() string {
	return `Reclaims the space of deleted and overwritten objects. Afterwards there is no way back
to an older state unless states are kept, so first make sure that the repository is
complete, e.g. with rwm restic check --read-data. Versions that become current while
this runs are never removed. Unfinished uploads in parts are aborted: those to the names
of restic's files at once, others once they are a week old.

It first checks that the storage is complete, as rwm storage-check does (with restic's
own check, if the configuration has the repository's password). In case of doubt it
removes nothing: if something is missing or overwritten, if rwm storage-history marks
anything that you have not reviewed, or if the repository is not proved whole, which
requires its password.

  rwm --config admin.conf storage-drop-versions backups --keep-within 30d --keep-states 3 --dry-run`
}

func (c storageDropVersionsCmd) Run(a *app) error {
	opts := s3state.DropOptions{RequireComplete: !c.Unchecked, Reviewed: c.Reviewed, KeepStates: c.KeepStates, DryRun: c.DryRun, OnEvent: a.onStorageEvent}
	var err error
	if c.KeepWithin != "" {
		if opts.KeepWithin, err = keepSpan(c.KeepWithin); err != nil {
			return usageError{fmt.Errorf("--keep-within: %w", err)}
		}
	}
	limits, err := c.option()
	if err != nil {
		return err
	}
	m, err := a.manager(nil, limits)
	if err != nil {
		return err
	}
	r, err := m.DropVersions(a.ctx, c.Bucket, opts)
	a.bar.end()
	a.showBatch(err)
	if err != nil && r != nil && r.Check != nil {
		for _, d := range r.Check.Problems {
			a.problem(d.Key, d.VersionID, d.Reason)
		}
	}
	if err != nil {
		return err
	}
	a.showDrop(r, c.DryRun)
	return nil
}

func (a *app) showDrop(r *s3state.DropResult, dry bool) {
	if a.cli.JSON {
		out := map[string]any{
			"kept_versions": r.KeptVersions,
			"bucket":        r.Bucket, "old_versions": r.OldVersions, "delete_markers": r.DeleteMarkers, "states": r.States, "bytes": r.Bytes,
			"dry_run": dry, "kept_states": newJSONStates(r.Kept), "lost": r.Lost, "full": r.Full,
			"uploads": r.Uploads, "uploads_left": r.UploadsLeft,
		}
		if !r.UploadsLeftUntil.IsZero() {
			out["uploads_left_until"] = r.UploadsLeftUntil
		}
		if r.State != nil {
			out["state"] = newJSONState(*r.State)
		}
		_ = a.emit(out)
		return
	}
	a.say("%s %s and %s (%s) and %s", yesNo(dry, "would remove", "removed"),
		count(r.OldVersions, "old version"), count(r.States, "saved state"), formatBytes(r.Bytes), count(r.DeleteMarkers, "delete marker"))
	if r.Uploads > 0 {
		a.say("%s %s that nothing will complete", yesNo(dry, "would abort", "aborted"), count(r.Uploads, "unfinished upload"))
	}
	switch left := count(r.UploadsLeft, "unfinished upload"); {
	case r.UploadsLeft == 0:
	case r.UploadsLeftUntil.IsZero():
		a.say("%s more: run the command again to abort them", left)
	default:
		a.say("%s may still be in progress: a run after %s aborts what is left of them", left, formatTime(r.UploadsLeftUntil))
	}
	for _, s := range r.Kept {
		a.say("%s %s version %s, saved %s", yesNo(dry, "would keep", "kept"), printable(s.Key), printable(s.VersionID), formatTime(s.Time))
	}
	if !r.KeptSince.IsZero() {
		a.say("%s %s, with all that was current since %s", yesNo(dry, "would keep", "kept"), count(r.KeptVersions, "old version"), formatZoned(r.KeptSince))
	}
	if r.Lost > 0 {
		a.warning(fmt.Sprintf("%s deleted or overwritten while this ran; nothing of that was removed, and the last of the kept states brings it all back", count(r.Lost, "object")))
	}
	if r.Full {
		a.warning("the bucket is still full: raise its quota before the next backup")
	}
	if r.State != nil {
		a.say("saved %s version %s", printable(r.State.Key), printable(r.State.VersionID))
	}
}

func newJSONStates(list []s3state.SavedState) []jsonState {
	out := []jsonState{}
	for _, s := range list {
		out = append(out, newJSONState(s))
	}
	return out
}
