package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/cesnet/rwm/internal/plural"
	"github.com/cesnet/rwm/s3state"
)

type storageListCmd struct{}

func (storageListCmd) Help() string {
	return `The buckets of the configured identity. rwm storage-info explains what is wrong with a
policy that FAILED. UNKNOWN is a policy that could not be read, and ? such a lock. The
exit code is 3 then, unless it is only that these credentials may not read the lock.`
}

func (storageListCmd) Run(a *app) error {
	m, err := a.manager(nil)
	if err != nil {
		return err
	}
	list, err := m.Storage().List(a.ctx)
	if err != nil {
		return err
	}
	g := &grid{header: []string{"NAME", "POLICY", "OWNER", "TARGET USER", "LOCK", ""}}
	unread := 0
	for _, b := range list {
		row := newJSONBucket(b)
		if b.Err != nil {
			unread++
		}
		if a.cli.JSON {
			_ = a.emit(row)
			continue
		}
		policy, seal := "UNKNOWN", ""
		if b.Check != nil {
			policy, seal = yesNo(row.PolicyOK, "OK", "FAILED"), sealText(b.Check)
		}
		g.add(printable(row.Name), policy, printable(cmp.Or(shortOwner(row.Owner), "-")), printable(cmp.Or(row.TargetUser, "-")), lockText(b.Lock), seal)
		if b.Err != nil {
			a.warning(printable("bucket " + b.Name + ": " + b.Err.Error()))
		}
	}
	if !a.cli.JSON {
		a.show(g)
	}
	if unread > 0 {
		text := fmt.Sprintf("%d of %s could not be checked", unread, plural.Of(len(list), "bucket"))
		if unread < len(list) {
			text += "; the others were"
		}
		return &exitError{exitIncomplete, errors.New(text)}
	}
	return nil
}

type jsonBucket struct {
	Name       string   `json:"name"`
	PolicyOK   bool     `json:"policy_ok"`
	Owner      string   `json:"owner"`
	TargetUser string   `json:"target_user"`
	Problems   []string `json:"problems,omitempty"`
	Error      string   `json:"error,omitempty"`
	// Locked is omitted if nothing is locked, or if the credentials may not read the
	// lock.
	Locked *s3state.Lock `json:"locked,omitempty"`
	jsonSeal
}

func newJSONBucket(b s3state.BucketSummary) jsonBucket {
	out := jsonBucket{Name: b.Name}
	if b.Err != nil {
		out.Error = b.Err.Error()
	}
	if c := b.Check; c != nil {
		out.PolicyOK, out.Owner, out.TargetUser, out.Problems = c.OK, c.Owner.ID, c.TargetUser(), c.Problems
		out.jsonSeal = newJSONSeal(c)
	}
	if b.Lock != nil && b.Lock.Enabled {
		out.Locked = b.Lock
	}
	return out
}

// lockText describes in a word how long everything stays restorable.
func lockText(l *s3state.Lock) string {
	switch {
	case l == nil:
		return "?"
	case !l.Enabled:
		return "-"
	case len(l.Problems) > 0:
		return "FAILED"
	}
	return fmt.Sprintf("%dd", l.Days)
}

// shortOwner leaves out the tenant that an owner on Ceph begins with.
func shortOwner(id string) string {
	if _, name, found := strings.Cut(id, "$"); found {
		return name
	}
	return id
}
