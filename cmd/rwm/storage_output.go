package main

import (
	"errors"
	"fmt"

	"github.com/cesnet/rwm/s3state"
)

// count shows a number that grows.
func (a *app) count(what string, done, total int64) {
	if a.cli.JSON {
		return
	}
	line := fmt.Sprintf("%d %s", done, what)
	if total > 0 {
		line = fmt.Sprintf("%d / %d %s", done, total, what)
	}
	a.bar.set(what, done, total, false, line)
}

// showBatch lists every single failure of an operation on many objects; the
// error itself names only the first ones.
func (a *app) showBatch(err error) {
	var batch *s3state.BatchError
	var missing *s3state.MissingVersionsError
	var differs *s3state.StateDiffersError
	switch {
	case errors.As(err, &batch) && len(batch.Failed) > 1:
		for _, f := range batch.Failed {
			a.problem(f.Key, f.VersionID, f.Err.Error())
		}
	case errors.As(err, &missing) && len(missing.Missing) > 1:
		for _, v := range missing.Missing {
			a.problem(v.Key, v.VersionID, v.Reason)
		}
	case errors.As(err, &differs) && differs.Verification != nil && len(differs.Verification.Differences) > 1:
		for _, d := range differs.Verification.Differences {
			a.problem(d.Key, d.VersionID, d.Reason)
		}
	}
}

func (a *app) problem(key, version, reason string) {
	if a.cli.JSON {
		_ = emitTo(a.stderr, map[string]string{"message_type": "error", "key": key, "version_id": version, "message": reason})
		return
	}
	if version == "" {
		a.warn("  %q: %s", key, printable(reason))
		return
	}
	a.warn("  %q version %s: %s", key, printable(version), printable(reason))
}
