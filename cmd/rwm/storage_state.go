package main

import "github.com/cesnet/rwm/s3state"

type storageStateCmd struct {
	Bucket string `arg:"" help:"Name of the bucket."`
}

func (storageStateCmd) Help() string {
	return "Prints, as it is read, what a saved state would hold now: every version and delete marker. It is one JSON object, with or without --json."
}

func (c storageStateCmd) Run(a *app) error {
	m, err := a.manager(nil)
	if err != nil {
		return err
	}
	opts := s3state.CaptureOptions{}
	if !a.stdout.terminal {
		opts.OnEvent = a.onStorageEvent
	}
	_, err = m.Storage().Capture(a.ctx, c.Bucket, a.stdout.Writer, opts)
	a.bar.end()
	return err
}
