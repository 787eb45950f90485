package main

import "github.com/cesnet/rwm/s3tool"

type s3RmCmd struct {
	Place     string `arg:"" name:"s3-url" help:"s3://BUCKET/KEY, with --recursive also s3://BUCKET or s3://BUCKET/PREFIX."`
	Recursive bool   `short:"r" help:"All objects below, as in a directory."`
	Versions  bool   `help:"Every version and delete marker, for good."`
	DryRun    bool   `short:"n" help:"Only print what would be removed."`
	s3Version
}

func (s3RmCmd) Help() string {
	return "In a versioned bucket a removed object's versions stay until they are removed with --versions or --version-id, which needs more rights than a host has."
}

func (c s3RmCmd) Run(a *app) error {
	tool, at, err := a.onObject(c.Place, c.VersionID)
	if err != nil {
		return err
	}
	word := yesNo(c.DryRun, "would remove", "removed")
	result, err := tool.Remove(a.ctx, at, s3tool.RemoveOptions{
		Recursive: c.Recursive, Versions: c.Versions, DryRun: c.DryRun,
		OnEvent: func(e s3tool.Removed) {
			if a.cli.JSON {
				_ = a.emit(jsonRemoved{yesNo(c.DryRun, "would_remove", "removed"), e.Key, e.VersionID})
				return
			}
			a.say("%s %s", word, printable(e.String()))
		},
	})
	if err != nil {
		return a.s3Failed(err)
	}
	if c.Recursive {
		a.say("%s %d", word, result.Removed)
	}
	return nil
}

type jsonRemoved struct {
	MessageType string `json:"message_type"`
	Key         string `json:"key"`
	VersionID   string `json:"version_id,omitempty"`
}
