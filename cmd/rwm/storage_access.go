package main

import (
	"fmt"

	"github.com/cesnet/rwm/s3state"
)

type storageAccessCmd struct {
	Bucket string `arg:"" help:"Name of the bucket."`
}

func (storageAccessCmd) Help() string {
	return `Run it with the host's credentials. It tests what they allow, on an object of its own
(rwm/canary_…) and by setting values that are set already. It undoes what should not
have been possible. The exit code is 1 if the host can do harm or lacks a right it
needs.`
}

func (c storageAccessCmd) Run(a *app) error {
	m, err := a.manager(nil)
	if err != nil {
		return err
	}
	r, err := m.Storage().Access(a.ctx, c.Bucket, s3state.AccessOptions{})
	if err != nil {
		return err
	}
	a.showAccess(r)
	if !r.OK {
		return fmt.Errorf("bucket %s: these credentials can do harm, or lack a right they need; the admin can find out more with rwm storage-info", c.Bucket)
	}
	return nil
}

func (a *app) showAccess(r *s3state.AccessReport) {
	if a.cli.JSON {
		type row struct {
			Action   string          `json:"action"`
			Outcome  s3state.Outcome `json:"outcome"`
			Expected s3state.Outcome `json:"expected"`
			Harm     bool            `json:"harm"`
			Detail   string          `json:"detail,omitempty"`
		}
		rows := []row{}
		for _, x := range r.Results {
			rows = append(rows, row(x))
		}
		_ = a.emit(map[string]any{"bucket": r.Bucket, "ok": r.OK, "results": rows})
		return
	}
	g := &grid{header: []string{"ACTION", "THE HOST IS", "EXPECTED", "", ""}}
	for _, x := range r.Results {
		verdict := "OK"
		switch {
		case x.Harm:
			verdict = "HARM"
		case x.Expected == s3state.Allowed && x.Outcome != s3state.Allowed:
			verdict = "MISSING"
		case x.Outcome != x.Expected:
			verdict = "-"
		}
		g.add(x.Action, x.Outcome, x.Expected, verdict, a.suggestion(x.Detail))
	}
	a.show(g)
}
