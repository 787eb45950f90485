package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/term"

	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

type storageAdoptCmd struct {
	Bucket string `arg:"" help:"Name of the bucket."`
	policedFlags
	Replace    bool   `help:"Drop what cannot be kept: policy statements, ACL grants and lifecycle rules that the plan refuses."`
	HostConfig string `help:"The host's configuration: prove at the end what its credentials can do." placeholder:"FILE" predictor:"file"`
	Yes        bool   `short:"y" help:"Do not ask before changing anything."`
	DryRun     bool   `short:"n" help:"Change nothing, only show the plan."`
}

func (storageAdoptCmd) Help() string {
	return `Run with the credentials of the bucket's owner, who becomes the admin. Turns a
bucket that has a restic repository in it into a policed one: nothing is copied, and
backups can go on meanwhile. First it shows what it found and what it will change, and
asks.

  rwm --config admin.conf storage-adopt backups host1 --dry-run
  rwm --config admin.conf storage-adopt backups host1 --lock 30d --keeper keeper1 --host-config host1.conf

Settings that let others in or remove objects are named, and make it refuse unless
--replace is given. A bucket that cannot be made safe in place is not changed, and the
command that copies it is shown. After a failure, run the same command again: what was
done is safe to keep (docs/adopt.md).`
}

func (c storageAdoptCmd) Run(a *app) (err error) {
	opts, err := c.options(a)
	if err != nil {
		return err
	}
	cfg, err := a.config()
	if err != nil {
		return err
	}
	m, err := a.managerOf(cfg, nil, rwm.WithStoreOptions(s3state.WithAdminPrincipal(c.Admin)))
	if err != nil {
		return err
	}
	if opts.Lock != nil && !c.DryRun {
		if opts.Renew.Ledger, err = openLedger(m, c.Bucket, ""); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, opts.Renew.Ledger.Close()) }()
	}
	if c.HostConfig != "" {
		host, err := a.hostManager(c.HostConfig)
		if err != nil {
			return err
		}
		opts.Host = host.Storage()
	}
	shown := false
	opts.Approve = func(p *s3state.AdoptPlan) error {
		shown = true
		a.showAdoption(p)
		return c.confirm(a)
	}
	r, err := m.AdoptStorage(a.ctx, c.Bucket, c.TargetUsername, opts)
	a.bar.end()
	a.showBatch(err)
	if r == nil {
		return err
	}
	if !shown {
		a.showAdoption(r.Plan)
	}
	a.showAdopted(r, err)
	return err
}

func (c storageAdoptCmd) options(a *app) (opts rwm.AdoptOptions, err error) {
	lock, err := c.lockFlags.options(c.LockMode)
	opts.AdoptOptions = s3state.AdoptOptions{
		Lock: lock, Keeper: c.Keeper, Sealed: c.Sealed, Replace: c.Replace, DryRun: c.DryRun, OnEvent: a.onStorageEvent,
	}
	opts.Renew.OnEvent = a.onStorageEvent
	return opts, err
}

// confirm asks before anything is changed.
func (c storageAdoptCmd) confirm(a *app) error {
	if c.Yes {
		return nil
	}
	if !term.IsTerminal(int(a.stdin.Fd())) {
		return usageError{errors.New("nothing was changed: there is no terminal to ask on; give --yes to go ahead, --dry-run to see the plan only")}
	}
	fmt.Fprint(a.stderr, "change the bucket as planned? [y/N] ")
	type answer struct {
		text []byte
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		text, err := firstLine(a.stdin)
		got <- answer{text, err}
	}()
	select {
	case <-a.ctx.Done():
		return a.ctx.Err()
	case line := <-got:
		if text := strings.ToLower(strings.TrimSpace(string(line.text))); text == "y" || text == "yes" {
			return nil
		}
		return errors.New("nothing was changed")
	}
}

// hostManager returns the Manager of another configuration file, the host's.
func (a *app) hostManager(file string) (*rwm.Manager, error) {
	cfg, err := rwm.ReadConfig(a.ctx, file)
	if err != nil {
		return nil, err
	}
	_, stderr := a.hookOutput()
	if err := cfg.ReadSecrets(a.ctx, stderr); err != nil {
		return nil, err
	}
	return a.managerOf(cfg, nil)
}

func (a *app) showAdoption(p *s3state.AdoptPlan) {
	if a.cli.JSON || a.cli.Quiet {
		return
	}
	a.field("Bucket", printable(p.Bucket))
	a.field("Owner", printable(cmp.Or(p.Owner, "unknown")))
	a.field("Versioning", cmp.Or(string(p.Versioning), "never enabled"))
	if l := lockOfPlan(p); l != "" {
		a.field("Lock", l)
	}
	for _, prefix := range p.Repositories {
		a.field("Repository", printable(cmp.Or(prefix, "in the bucket itself")))
	}
	for _, role := range []struct{ name, principal string }{{"Admin", p.Admin}, {"Host", p.Target}, {"Keeper", p.Keeper}} {
		if role.principal != "" {
			a.field(role.name, printable(role.principal))
		}
	}
	if len(p.Found) > 0 {
		g := &grid{header: []string{"FOUND", "", "WHAT IT SAYS", "IS", "WHY"}}
		for _, f := range p.Found {
			g.add(f.Kind, printable(f.Name), printable(f.Text), f.Fate, printable(f.Why))
		}
		a.show(g)
	}
	for i, s := range p.Steps {
		a.printf("step %d: %s: %s\n", i+1, s.Name, printable(s.Text))
	}
	if len(p.Steps) == 0 && len(p.Refused) == 0 {
		a.say("nothing needs to be changed")
	}
	for _, text := range p.Notes {
		a.printf("note: %s\n", printable(text))
	}
}

func lockOfPlan(p *s3state.AdoptPlan) string {
	switch {
	case p.Settings == nil || p.Settings.Lock == nil:
		return ""
	case p.Settings.Lock.RetainDays == 0:
		return "object lock is on, without a default retention"
	}
	return fmt.Sprintf("%s, new versions for %s", p.Settings.Lock.Mode, count(p.Settings.Lock.RetainDays, "day"))
}

func (a *app) showAdopted(r *rwm.AdoptResult, err error) {
	if a.cli.JSON {
		out := map[string]any{"bucket": r.Plan.Bucket, "plan": r.Plan, "done": append([]string{}, r.Done...)}
		if r.Check != nil {
			out["policy_ok"] = r.Check.OK
			if r.Check.Sealed {
				out["sealed"] = s3state.Sealed
			}
		}
		if r.Lock != nil {
			out["lock"] = r.Lock
		}
		if r.LockProof != nil {
			out["lock_refused"], out["lock_gap"] = r.LockProof.Refused, r.LockProof.Gap
		}
		if r.Renewed != nil {
			out["renewed"] = r.Renewed
		}
		if r.Access != nil {
			out["access_ok"] = r.Access.OK
		}
		_ = a.emit(out)
		return
	}
	if r.Check != nil && r.Check.OK && len(r.Done) > 0 {
		a.say("bucket %s is policed: admin %s, target user %s", printable(r.Plan.Bucket), printable(r.Check.Admin), printable(r.Check.Target))
	}
	if r.Lock != nil && r.Lock.RetainDays > 0 {
		a.sayLocked(r.Plan.Bucket, r.Plan.Keeper, r.Lock, r.LockProof)
	}
	a.showRenewed(r.Renewed)
	switch {
	case r.Access != nil:
		a.showAccess(r.Access)
	case err == nil && r.Check != nil:
		a.say("prove it with the host's credentials: rwm --config HOST.conf storage-access %s", printable(r.Plan.Bucket))
	}
}
