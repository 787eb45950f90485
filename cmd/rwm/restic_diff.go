package main

import "github.com/cesnet/rwm/restic"

type resticDiffCmd struct {
	reads
	From     string `arg:"" help:"Snapshot ID or latest, with :FOLDER for only that folder of it."`
	To       string `arg:"" help:"The one to compare it with."`
	Metadata bool   `help:"Print changes of metadata too."`
}

func (resticDiffCmd) Help() string {
	return `Each line has a modifier and a path: + added, - removed, T type changed, M content
changed, U metadata changed, ? content changed although the metadata did not (a failing
disk?).`
}

func (c resticDiffCmd) Run(a *app) error {
	s, err := a.session()
	if err != nil {
		return err
	}
	defer a.close(s)
	named := func(from, to restic.Snapshot) error {
		a.say("comparing snapshot %s to %s:\n", from.ID.Short(), to.ID.Short())
		return nil
	}
	r, err := s.Diff(a.ctx, restic.DiffOptions{From: c.From, To: c.To, Metadata: c.Metadata, Snapshots: named}, func(change restic.Change) error {
		switch {
		case a.cli.Quiet:
		case a.cli.JSON:
			return a.emit(struct {
				MessageType string `json:"message_type"`
				restic.Change
			}{"change", change})
		default:
			a.printf("%-5s%s\n", change.Modifier, oneLine(change.Path))
		}
		return a.ctx.Err()
	})
	if err != nil {
		return err
	}
	if a.cli.JSON {
		return a.emit(struct {
			MessageType    string `json:"message_type"`
			SourceSnapshot string `json:"source_snapshot"`
			TargetSnapshot string `json:"target_snapshot"`
			*restic.DiffResult
		}{"statistics", c.From, c.To, r})
	}
	a.printf("\nFiles:       %5d new, %5d removed, %5d changed\n", r.Added.Files, r.Removed.Files, r.ChangedFiles)
	a.printf("Dirs:        %5d new, %5d removed\n", r.Added.Dirs, r.Removed.Dirs)
	a.printf("Others:      %5d new, %5d removed\n", r.Added.Others, r.Removed.Others)
	a.printf("Data Blobs:  %5d new, %5d removed\n", r.Added.DataBlobs, r.Removed.DataBlobs)
	a.printf("Tree Blobs:  %5d new, %5d removed\n", r.Added.TreeBlobs, r.Removed.TreeBlobs)
	a.printf("  Added:   %s\n", formatBytes(r.Added.Bytes))
	a.printf("  Removed: %s\n", formatBytes(r.Removed.Bytes))
	return nil
}
