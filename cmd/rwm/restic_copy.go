package main

import (
	"github.com/cesnet/rwm/internal/plural"
	"github.com/cesnet/rwm/restic"
)

type resticCopyCmd struct {
	reads
	IDs []string `arg:"" optional:"" name:"snapshot" help:"Snapshots to copy, instead of all that the filters leave."`
	fromFlags
	snapshotFlags
}

func (resticCopyCmd) Help() string {
	return `Copies into the configured repository, or that of -r, from another one. Running it again
copies what is new. The data is shared with what is backed up there only if the
repository was made with --copy-chunker-params.

  rwm restic copy --from-repo /mnt/old --from-password-file old.txt latest`
}

func (c resticCopyCmd) Run(a *app) error {
	from, to, err := c.repositories(a)
	if err != nil {
		return err
	}
	src, dst, err := a.openBoth(from, to)
	if err != nil {
		return err
	}
	defer a.close(dst, src)
	r, err := src.CopyTo(a.ctx, dst, restic.CopyOptions{Filter: c.many(c.IDs), OnEvent: a.onCopyEvent})
	a.bar.end()
	if r == nil {
		return err
	}
	if a.cli.JSON {
		_ = a.emit(map[string]any{
			"message_type": "summary", "copied": len(r.Copied), "skipped": len(r.Skipped), "blobs": r.Blobs, "bytes": r.Bytes,
		})
	} else {
		a.say("copied %s, %s, %s; %s %s there already", count(len(r.Copied), "snapshot"), count(r.Blobs, "blob"), formatBytes(r.Bytes), count(len(r.Skipped), "snapshot"), plural.Were(len(r.Skipped)))
	}
	return err
}

func (a *app) onCopyEvent(ev restic.Event) {
	copied, ok := ev.(restic.SnapshotCopied)
	switch {
	case !ok:
		a.onEvent(ev)
	case a.cli.JSON:
		_ = a.emit(struct {
			MessageType string    `json:"message_type"`
			Source      restic.ID `json:"source_snapshot_id"`
			Copy        restic.ID `json:"snapshot_id"`
			Skipped     bool      `json:"skipped,omitempty"`
		}{"copied", copied.Source.ID, copied.Copy, copied.Skipped})
	case copied.Skipped:
		a.detail("skipping source snapshot %s, was already copied to snapshot %s", copied.Source.ID.Short(), copied.Copy.Short())
	default:
		a.say("snapshot %s of %v at %s copied as %s", copied.Source.ID.Short(), oneLines(copied.Source.Paths), formatTime(copied.Source.Time), copied.Copy.Short())
	}
}
