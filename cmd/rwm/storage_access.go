package main

import (
	"fmt"
	"strings"

	"github.com/cesnet/rwm/s3state"
)

type storageAccessCmd struct {
	Bucket string `arg:"" help:"Name of the bucket."`
	As     string `enum:",host,keeper,admin" default:"" placeholder:"ROLE" help:"Whose credentials these are: host, keeper or admin (default: find out)."`
}

func (storageAccessCmd) Help() string {
	return `Run it with the credentials of the host, of the keeper or of the admin. It tests what
they allow, on an object of its own (rwm/canary_…) and by setting values that are
already set, and compares it with what the role needs and must not be able to do. It undoes
what should not have been possible. The exit code is 1 if the role can do harm, lacks a right
it needs, or if the server did not answer an attempt, which then proves nothing.

It finds out whose credentials they are, on AWS by asking its STS. Only where the bucket
belongs to an account of many users and nothing tells them apart (Ceph 19 and later with
accounts, or AWS if its STS cannot be reached), give --as admin with the admin's.`
}

func (c storageAccessCmd) Run(a *app) error {
	m, err := a.manager(nil)
	if err != nil {
		return err
	}
	r, err := m.Storage().Access(a.ctx, c.Bucket, s3state.AccessOptions{As: s3state.Role(c.As)})
	if err != nil {
		return err
	}
	a.showAccess(r)
	if open := r.Unproved(); open != nil {
		return fmt.Errorf("bucket %s: not proved: the server did not answer some attempts (%s); run it again", c.Bucket, strings.Join(open, ", "))
	}
	if !r.OK {
		hint := ""
		if r.RoleBy == s3state.RoleByRights {
			hint = "; only what they may read shows whose they are: if that is wrong, name the role, for example --as admin"
		}
		return fmt.Errorf("bucket %s: expectation not met: these credentials can do harm as the %s's, or lack a right the %[2]s needs; the admin can find out more with rwm storage-info%s",
			c.Bucket, r.Role, hint)
	}
	return nil
}

func (a *app) showAccess(r *s3state.AccessReport) {
	if a.cli.JSON {
		type row struct {
			Action   string          `json:"action"`
			Outcome  s3state.Outcome `json:"outcome"`
			Expected s3state.Outcome `json:"expected"`
			Met      bool            `json:"met"`
			Harm     bool            `json:"harm"`
			Gap      bool            `json:"gap"`
			Unproved bool            `json:"unproved"`
			Detail   string          `json:"detail,omitempty"`
		}
		rows := []row{}
		for _, x := range r.Results {
			rows = append(rows, row{x.Action, x.Outcome, x.Expected, x.Met(), x.Harm, x.Gap, x.Unproved, x.Detail})
		}
		_ = a.emit(map[string]any{"bucket": r.Bucket, "role": r.Role, "role_by": r.RoleBy, "ok": r.OK, "results": rows})
		return
	}
	gap := ""
	g := &grid{header: []string{"ACTION", "THE " + strings.ToUpper(string(r.Role)) + " IS", "EXPECTED", "", ""}}
	for _, x := range r.Results {
		verdict := "OK"
		switch {
		case x.Harm:
			verdict = "HARM"
		case x.Gap:
			verdict, gap = "GAP", ", but for a gap of this server: "+x.Action
		case x.Unproved:
			verdict = "NOT PROVED"
		case !x.Met():
			verdict = "MISSING"
		case x.Outcome != x.Expected:
			verdict = "-"
		}
		g.add(x.Action, x.Outcome, x.Expected, verdict, a.suggestion(x.Detail))
	}
	a.show(g)
	if r.OK {
		a.printf("expectation met: these credentials can do what the %s needs, and no harm%s\n", r.Role, gap)
	}
}
