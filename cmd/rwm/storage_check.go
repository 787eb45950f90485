package main

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

type storageCheckCmd struct {
	Bucket   string      `arg:"" help:"Name of the bucket."`
	ReadData readPercent `help:"Read all objects, or N% of them, and compare their bytes with their names." placeholder:"N%"`
	momentFlags
}

func (storageCheckCmd) Help() string {
	return `Compares the current objects with the last saved state that the version history
confirms: none of its objects may be missing or overwritten. With --state or --at it
checks that all versions of that moment still exist. With --read-data it also reads
objects and compares their SHA-256 with the names that restic gave them.

This needs no repository password, but without it nothing is proved: an attacker may
have deleted needed objects before a state was saved. If the bucket is restic_bucket of
the configuration and restic_password is set, restic's own check follows, without cache
or lock, and the header of every pack is compared with the index. With --read-data it
reads all packs and verifies their content.

  rwm --config admin.conf storage-check backups
  rwm --config admin.conf storage-check backups --read-data=5%
  rwm --config admin.conf storage-check backups --at '2026-11-01 12:00' --read-data

The exit code is 1 if anything is wrong, and 3 if nothing is known to be wrong but
nothing was proved either.`
}

// readPercent is --read-data or --read-data=N%.
type readPercent float64

// IsBool lets the flag stand without a value.
func (readPercent) IsBool() bool { return true }

// Decode reads a value only if it was given with =.
func (p *readPercent) Decode(ctx *kong.DecodeContext) error {
	*p = 100
	if ctx.Scan.Peek().Type != kong.FlagValueToken {
		return nil
	}
	text := ctx.Scan.Pop().String()
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil || !(n > 0 && n <= 100) {
		return fmt.Errorf("invalid percentage %q: use more than 0 and at most 100%%", text)
	}
	*p = readPercent(n)
	return nil
}

func (c storageCheckCmd) Run(a *app) error {
	moment, err := c.moment()
	if err != nil {
		return err
	}
	m, err := a.manager(nil)
	if err != nil {
		return err
	}
	r, err := m.CheckStorage(a.ctx, c.Bucket, s3state.CheckStorageOptions{
		Moment: moment, ReadPercent: float64(c.ReadData), OnEvent: a.onStorageEvent,
	})
	a.bar.end()
	if r == nil {
		return err
	}
	a.showStorageCheck(r, c.given())
	switch {
	case r.OK:
		return nil
	case err != nil:
		return err
	}
	return &exitError{exitIncomplete, fmt.Errorf("bucket %s: nothing is missing, as far as can be told without opening the repository, but it is %s", c.Bucket, proofText(r.Proof))}
}

func (a *app) showStorageCheck(r *rwm.StorageCheck, past bool) {
	read := r.Read
	if r.Repository != nil {
		read += int64(r.Repository.PacksRead)
	}
	if a.cli.JSON {
		out := map[string]any{
			"bucket": r.Bucket, "ok": r.OK, "objects": r.Objects, "bytes": r.Bytes, "read": read, "repository_checked": r.Repository != nil,
			"verdict": r.Proof.Verdict, "proof": r.Proof, "complete": r.Complete(),
			"problems": newJSONDifferences(r.Problems), "total_problems": r.Total, "suspicious": r.Suspicious,
		}
		if len(r.AtPrefixes) > 0 {
			out["at_prefixes"] = r.AtPrefixes
		}
		if r.State != nil && r.State.Key != "" {
			out["state"] = newJSONState(*r.State)
		}
		_ = a.emit(out)
		return
	}
	switch {
	case past:
		a.say("bucket %s as of %s", r.Bucket, formatZoned(r.State.Time))
	case r.State == nil:
		a.say("bucket %s: there is no saved state that the version history confirms, so it shows only what was overwritten", r.Bucket)
	default:
		a.say("bucket %s, compared with the state %s saved %s", r.Bucket, printable(r.State.Key), formatZoned(r.State.Time))
	}
	if c := r.Repository; c != nil {
		a.say("restic's check: %s, %s, %s, %d of them read, %s", count(c.Snapshots, "snapshot"), count(c.Trees, "tree"), count(c.Packs, "pack"), c.PacksRead, count(c.Errors, "error"))
	}
	for _, p := range r.Problems {
		if p.Key == "" {
			a.printf("  %s\n", printable(p.Reason))
			continue
		}
		a.printf("  %s version %s: %s\n", printable(p.Key), printable(cmp.Or(p.VersionID, "-")), printable(p.Reason))
	}
	if more := r.Total - len(r.Problems); more > 0 {
		a.printf("  and %d more\n", more)
	}
	if r.Suspicious > 0 {
		a.warning(fmt.Sprintf("the history of bucket %s shows what no run of restic does (%d in all), first %s; see `rwm storage-history %s`", r.Bucket, r.Suspicious, r.FirstSuspicion, r.Bucket))
	}
	if len(r.AtPrefixes) > 0 {
		names, more := r.AtPrefixes, ""
		if n := len(names) - 5; n > 0 {
			names, more = names[:5], fmt.Sprintf(" and %d more", n)
		}
		a.warning(fmt.Sprintf("bucket %s has repositories at prefixes (%s%s), of which nothing is proved here: check them with the option -r of restic", r.Bucket, printable(strings.Join(names, ", ")), more))
	}
	a.say("%s (%s), %d of them read: %s", count(r.Objects, "object"), formatBytes(r.Bytes), read, a.paint(checkText(r)))
}

func checkText(r *rwm.StorageCheck) string {
	switch {
	case r.OK:
		return "OK"
	case r.Total > 0:
		return "FAILED"
	}
	return proofText(r.Proof)
}

// proofText is "proved", or what is not and why.
func proofText(p s3state.Proof) string {
	text := string(p.Verdict)
	if p.Reason != "" {
		text += ": " + printable(p.Reason)
	}
	return text
}

type jsonDifference struct {
	Key       string `json:"key"`
	VersionID string `json:"version_id,omitempty"`
	Reason    string `json:"reason"`
}

func newJSONDifferences(list []s3state.Difference) []jsonDifference {
	out := []jsonDifference{}
	for _, d := range list {
		out = append(out, jsonDifference{d.Key, d.VersionID, d.Reason})
	}
	return out
}
