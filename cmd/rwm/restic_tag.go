package main

import "github.com/cesnet/rwm/restic"

type resticTagCmd struct {
	writes
	IDs    []string `arg:"" optional:"" name:"snapshot" help:"Snapshots to change, instead of all that the filters leave."`
	Set    []string `sep:"none" help:"Replace all tags by these, TAG[,TAG...]; '' removes all (repeatable)." placeholder:"TAG"`
	Add    []string `sep:"none" help:"Add these tags (repeatable)." placeholder:"TAG"`
	Remove []string `sep:"none" help:"Remove these tags (repeatable)." placeholder:"TAG"`
	snapshotFlags
}

func (resticTagCmd) Help() string {
	return "A snapshot with other tags is another snapshot: its ID changes. The old ones are removed when all new ones are saved."
}

func (c resticTagCmd) Run(a *app) error {
	s, err := a.session()
	if err != nil {
		return err
	}
	defer a.close(s)
	r, err := s.Tag(a.ctx, restic.TagOptions{
		Filter: c.many(c.IDs), Set: tags(c.Set), Add: tags(c.Add), Remove: tags(c.Remove), OnEvent: a.onReplaceEvent,
	})
	if r == nil {
		return err
	}
	if a.cli.JSON {
		_ = a.emit(struct {
			MessageType string `json:"message_type"`
			Changed     int    `json:"changed_snapshots"`
		}{"summary", len(r.Changed)})
	} else if len(r.Changed) == 0 {
		a.say("no snapshots were modified")
	} else {
		a.say("modified %d snapshots", len(r.Changed))
	}
	return err
}

// tags joins lists of tags.
func tags(lists []string) (all []string) {
	for _, list := range lists {
		all = append(all, restic.ParseTagList(list)...)
	}
	return all
}

// onReplaceEvent shows snapshots that others take the place of.
func (a *app) onReplaceEvent(ev restic.Event) {
	replaced, ok := ev.(restic.SnapshotReplaced)
	switch {
	case !ok:
		a.onForgetEvent(ev)
	case a.cli.JSON:
		_ = a.emit(struct {
			MessageType string `json:"message_type"`
			restic.SnapshotChange
		}{"changed", replaced.SnapshotChange})
	default:
		a.detail("old snapshot ID: %s -> new snapshot ID: %s", replaced.Old, replaced.New)
	}
}
