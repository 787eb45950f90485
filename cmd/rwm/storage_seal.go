package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

type storageSealCmd struct {
	Bucket string `arg:"" help:"Name of the bucket."`
}

func (storageSealCmd) Help() string {
	return `Run with the admin's credentials. The host can still back up, list its
snapshots and forget them, but the server gives it no file data back: an attacker on the
host cannot read what it has saved. The keeper or the admin prunes and restores (docs/sealed.md).

  rwm --config admin.conf storage-seal backups

It also ends a storage-unseal early.`
}

func (c storageSealCmd) Run(a *app) error {
	m, err := a.manager(nil)
	if err != nil {
		return err
	}
	r, err := m.SealStorage(a.ctx, c.Bucket, s3state.SealOptions{OnEvent: a.onStorageEvent})
	if err != nil {
		return err
	}
	return a.saySealed(r)
}

type storageUnsealCmd struct {
	Bucket string `arg:"" help:"Name of the bucket."`
	For    string `help:"How long the host may read: from 1m to 30d." placeholder:"4h"`
}

func (storageUnsealCmd) Help() string {
	return `Run with the admin's credentials. Lets a sealed host read file data, for a restore on
the host itself for instance. The server ends that by its own clock; rwm storage-seal
ends it at once.

  rwm --config admin.conf storage-unseal backups --for 4h

It first proves on two small objects that the server obeys a time in a policy. If not,
the host stays sealed.`
}

func (c storageUnsealCmd) Run(a *app) error {
	if c.For == "" {
		return usageError{errors.New("how long the host may read is missing: give --for, such as --for 4h")}
	}
	d, err := rwm.ParseSpan(c.For)
	if err == nil && (d < s3state.MinUnsealed || d > s3state.MaxUnsealed) {
		err = fmt.Errorf("%q is not between 1m and 30d", c.For)
	}
	if err != nil {
		return usageError{fmt.Errorf("--for: %w", err)}
	}
	m, err := a.manager(nil)
	if err != nil {
		return err
	}
	r, err := m.UnsealStorage(a.ctx, c.Bucket, s3state.UnsealOptions{For: d, OnEvent: a.onStorageEvent})
	if err != nil {
		return err
	}
	return a.saySealed(r)
}

func (a *app) saySealed(r *s3state.SealResult) error {
	if a.cli.JSON {
		return a.emit(struct {
			Bucket string `json:"bucket"`
			Target string `json:"target"`
			jsonSeal
		}{r.Bucket, r.Target, newJSONSeal(r.Check)})
	}
	if text := sealText(r.Check); text != "" {
		a.say("bucket %s: the host %s is %s", r.Bucket, printable(r.Target), text)
	}
	return nil
}

// jsonSeal is what the policy lets a host read.
type jsonSeal struct {
	Sealed        s3state.SealState `json:"sealed,omitempty"` // sealed, unsealed (for a time)
	UnsealedUntil time.Time         `json:"unsealed_until,omitzero"`
}

func newJSONSeal(c *s3state.PolicyCheck) jsonSeal {
	state := c.SealState(time.Now())
	out := jsonSeal{Sealed: state}
	if state == s3state.Unsealed {
		out.UnsealedUntil = c.UnsealedUntil
	}
	return out
}

// sealText is "" for a host that is not sealed.
func sealText(c *s3state.PolicyCheck) string {
	switch c.SealState(time.Now()) {
	case s3state.Sealed:
		return "sealed"
	case s3state.Unsealed:
		return "unsealed until " + formatZoned(c.UnsealedUntil)
	}
	return ""
}
