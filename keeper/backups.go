package keeper

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/plural"
	"github.com/cesnet/rwm/internal/printable"
	"github.com/cesnet/rwm/keeper/signs"
	"github.com/cesnet/rwm/restic"
)

// How much of the past is kept of each backup, and how many new snapshots one pass
// compares; older ones of a longer gap count with their summaries only.
const (
	keptPast     = 60
	mostCompared = 30
	mostBackups  = 1000
)

// signs looks for ransomware in the snapshots that are new since the last pass.
func (v *visit) signs(ctx context.Context) (Outcome, string, error) {
	if v.cfg.sealed() {
		return NotProved, "", errNoPassword
	}
	news := 0
	if v.r.SignsFor != v.r.Survey.Fingerprint || v.r.SignsFor == "" {
		snapshots, err := v.storage.Snapshots(ctx)
		if err != nil {
			return NotProved, "", err
		}
		if news, err = v.compareNew(ctx, snapshots); err != nil {
			return NotProved, "", err
		}
		v.r.SignsFor = v.r.Survey.Fingerprint
	}
	v.missing()
	if open := len(v.r.open()); open > 0 {
		return Proved, plural.Of(news, "new snapshot") + "; " + plural.Of(open, "open alarm"), nil
	}
	return Proved, plural.Of(news, "new snapshot"), nil
}

// backupOf names the backup a snapshot belongs to: by its tags, which RWM's autotags
// set to the backup's name, else by its paths.
func backupOf(sn restic.Snapshot) (key, name string) {
	parts := slices.Clone(sn.Paths)
	if len(sn.Tags) > 0 {
		parts = slices.Clone(sn.Tags)
	}
	slices.Sort(parts)
	sum := sha256.Sum256([]byte(strings.Join(append([]string{sn.Hostname}, parts...), "\x00")))
	return hex.EncodeToString(sum[:8]), shown(strings.Join(parts, " "))
}

func (v *visit) compareNew(ctx context.Context, snapshots []restic.Snapshot) (news int, err error) {
	groups := map[string][]restic.Snapshot{}
	for _, sn := range snapshots {
		if sn.Time.After(v.k.now().Add(24 * time.Hour)) {
			continue // a claim from the future: the history marks it
		}
		key, _ := backupOf(sn)
		groups[key] = append(groups[key], sn)
	}
	if len(groups) > mostBackups {
		return 0, fmt.Errorf("there are more than %d backups in one repository; is a host writing random names?", mostBackups)
	}
	for key, list := range groups {
		b := v.r.Backups[key]
		if b == nil {
			_, name := backupOf(list[0])
			b = &backupRecord{Host: shown(list[0].Hostname), Name: name}
			v.r.Backups[key] = b
		}
		b.Gone = false
		v.forgotten(b, list)
		n, err := v.compareBackup(ctx, b, list)
		if err != nil {
			return news, fmt.Errorf("host %s, backup %s: %w", b.Host, b.Name, err)
		}
		news += n
	}
	for key, b := range v.r.Backups {
		if len(groups[key]) > 0 || b.Gone {
			continue
		}
		b.Gone = true
		// Snapshots that got other tags are under another name now.
		if !slices.ContainsFunc(snapshots, func(sn restic.Snapshot) bool {
			return shown(sn.Hostname) == b.Host && sn.Time.Equal(b.Latest)
		}) {
			v.forgotten(b, nil)
		}
	}
	v.supersede(groups)
	v.r.Forgot = nil
	if len(v.r.Backups) > 2*mostBackups { // names that a host made up, gone again
		maps.DeleteFunc(v.r.Backups, func(_ string, b *backupRecord) bool { return b.Gone })
	}
	return news, nil
}

// compareBackup observes the new snapshots of a backup, one after the other, and
// judges each against what was before it.
func (v *visit) compareBackup(ctx context.Context, b *backupRecord, list []restic.Snapshot) (news int, err error) {
	var fresh []restic.Snapshot
	at := 0
	for i, sn := range list {
		if sn.Time.After(b.Latest) {
			fresh = append(fresh, sn)
		} else {
			at = i + 1
		}
	}
	if len(fresh) == 0 {
		return 0, nil
	}
	skip := max(0, len(fresh)-mostCompared)
	for _, sn := range fresh[:skip] {
		b.add(observe(sn), sn)
	}
	var before *restic.Snapshot
	files := 0 // in before
	if i := at + skip; i > 0 {
		before = &list[i-1]
		o, err := v.observe(ctx, *before)
		if err != nil {
			return 0, err
		}
		files = o.Files
	}
	for _, sn := range fresh[skip:] {
		o, err := v.observe(ctx, sn)
		if err != nil {
			return news, err
		}
		if before != nil {
			if o.Changes, err = v.changes(ctx, *before, sn, files, o.Files); err != nil {
				return news, err
			}
		}
		files = o.Files
		for _, a := range signs.Judge(b.Past, o, v.cfg.Sensitivity) {
			v.raise(b, a)
		}
		b.add(o, sn)
		news++
		before = &sn
	}
	return news, nil
}

// longAway is the time without a pass after which a change of the snapshots says
// nothing.
const longAway = 4 * 24 * time.Hour

// mostKnown is how many snapshots of a backup are remembered.
const mostKnown = 2000

// forgotten looks for snapshots that are gone since the last pass, except those that
// this keeper has forgotten itself.
func (v *visit) forgotten(b *backupRecord, list []restic.Snapshot) {
	now := map[string]bool{}
	var known []string
	for _, sn := range list {
		now[sn.ID.Short()] = true
		if !sn.Original.IsZero() { // tags or the like were changed
			now[sn.Original.Short()] = true
		}
		known = append(known, sn.ID.Short())
	}
	gone := 0
	for _, id := range b.Known {
		if !now[id] && !slices.Contains(v.r.Forgot, id) {
			gone++
		}
	}
	// In weeks without a pass, a retention replaces most snapshots, and their number
	// stays.
	away := v.k.now().Sub(v.r.task(TaskSigns).Proved) > longAway
	if a := signs.Forgotten(len(b.Known), gone, b.Vanished, v.cfg.Sensitivity); a != nil && !(away && len(list) >= len(b.Known)) {
		a.Time = b.Latest
		v.raise(b, *a)
	}
	b.Known = known[max(0, len(known)-mostKnown):]
	if gone > 0 {
		b.Vanished = append(b.Vanished, gone)
		b.Vanished = b.Vanished[max(0, len(b.Vanished)-keptPast):]
	}
}

func (v *visit) changes(ctx context.Context, old, now restic.Snapshot, before, after int) (*signs.Changes, error) {
	src, err := v.storage.Source(ctx)
	if err != nil {
		return nil, err
	}
	opts := signs.CompareOptions{}
	if v.cfg.ReadTypes {
		opts.Read = 40
	}
	return signs.Compare(ctx, src, old.Tree, now.Tree, before, after, opts)
}

// observe returns what a snapshot says about itself; if it has no summary, the files
// are counted.
func (v *visit) observe(ctx context.Context, sn restic.Snapshot) (o signs.Observation, err error) {
	o = observe(sn)
	if sn.Summary != nil {
		return o, nil
	}
	src, err := v.storage.Source(ctx)
	if err == nil {
		o.Files, o.Bytes, err = signs.Count(ctx, src, sn.Tree)
	}
	return o, err
}

func observe(sn restic.Snapshot) signs.Observation {
	o := signs.Observation{Snapshot: sn.ID.String(), Time: sn.Time}
	if s := sn.Summary; s != nil {
		o.Files, o.Bytes = int(s.TotalFilesProcessed), s.TotalBytesProcessed
		o.DataAdded, o.DataPacked = s.DataAdded, s.DataAddedPacked
		o.Seconds = max(0, s.BackupEnd.Sub(s.BackupStart).Seconds())
	}
	return o
}

func (b *backupRecord) add(o signs.Observation, sn restic.Snapshot) {
	b.Past = append(b.Past, o)
	b.Past = b.Past[max(0, len(b.Past)-keptPast):]
	b.Times = append(b.Times, sn.Time)
	b.Times = b.Times[max(0, len(b.Times)-keptPast):]
	b.Latest = sn.Time
	b.Paths = nil
	for _, p := range sn.Paths[:min(len(sn.Paths), 20)] {
		b.Paths = append(b.Paths, shown(p))
	}
}

// supersede finds backups that continue under another name: the same host began to back
// up a common path when they ended. They are not missing.
func (v *visit) supersede(groups map[string][]restic.Snapshot) {
	for key, old := range v.r.Backups {
		for other, b := range v.r.Backups {
			if key == other || b.Host != old.Host || !b.Latest.After(old.Latest) || len(b.Times) == 0 ||
				b.Times[0].Before(old.Latest) || len(groups[other]) == 0 {
				continue
			}
			if slices.ContainsFunc(b.Paths, func(p string) bool { return slices.Contains(old.Paths, p) }) {
				old.Gone = true
			}
		}
	}
}

// mostShown is how many bytes of a text are shown.
const mostShown = 1000

// shown makes text from a bucket fit to be shown.
func shown(text string) string { return printable.Text(text, mostShown) }
