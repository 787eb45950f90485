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
	return `Is the storage complete? It compares what is current with the last saved state that the version history confirms: no object of it may be missing, none may have been overwritten. With --state or --at it tells whether all versions of that moment are there. With --read-data every object read has to have the SHA-256 that restic named it by.

For this no repository password is needed. Where the bucket is restic_bucket of the configuration and restic_password is set, restic's own check follows, past any cache and without a lock: with --read-data it reads all packs, and looks into them.

  rwm --config admin.conf storage-check backups
  rwm --config admin.conf storage-check backups --read-data=5%
  rwm --config admin.conf storage-check backups --at '2026-11-01 12:00' --read-data

It ends with 1 if anything is wrong.`
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
		return fmt.Errorf("%q is no percentage above 0 and up to 100%%", text)
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
	if err != nil {
		return err
	}
	a.showStorageCheck(r, c.given())
	if !r.OK {
		return fmt.Errorf("bucket %s: %w: %d problems", c.Bucket, s3state.ErrIncomplete, r.Total)
	}
	return nil
}

func (a *app) showStorageCheck(r *rwm.StorageCheck, past bool) {
	read := r.Read
	if r.Repository != nil {
		read += int64(r.Repository.PacksRead)
	}
	if a.cli.JSON {
		out := map[string]any{
			"bucket": r.Bucket, "ok": r.OK, "objects": r.Objects, "bytes": r.Bytes, "read": read, "repository_checked": r.Repository != nil,
			"problems": newJSONDifferences(r.Problems), "total_problems": r.Total, "suspicious": r.Suspicious,
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
		a.say("bucket %s, compared with the state %s saved %s", r.Bucket, r.State.Key, formatZoned(r.State.Time))
	}
	if c := r.Repository; c != nil {
		a.say("restic's check: %d snapshots, %d trees, %d packs, %d of them read, %d errors", c.Snapshots, c.Trees, c.Packs, c.PacksRead, c.Errors)
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
		a.warning(fmt.Sprintf("the history of bucket %s shows what no run of restic does (%d in all), first %s; see: rwm storage-history %s", r.Bucket, r.Suspicious, r.FirstSuspicion, r.Bucket))
	}
	a.say("%d objects (%s), %d of them read: %s", r.Objects, formatBytes(r.Bytes), read, a.paint(yesNo(r.OK, "OK", "FAILED")))
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
