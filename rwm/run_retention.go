package rwm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/cesnet/rwm/internal/plural"
	"github.com/cesnet/rwm/restic"
)

// retention forgets and prunes.
func (r *run) retention(ctx context.Context, p *plan, row *Row) error {
	policy, err := r.cfg.policy()
	if err != nil {
		return err
	}
	if err := r.open(ctx, p.base); err != nil {
		return err
	}
	made, err := r.made(ctx)
	if err != nil {
		return err
	}
	hosts := r.ownHosts(made)
	options := restic.ForgetOptions{
		Policy:  policy,
		Prune:   &restic.PruneOptions{},
		OnEvent: r.passOn(StepRetention, NameRetention),
	}
	switch r.cfg.RetentionScope {
	case ScopeHost:
		options.Select = func(s restic.Snapshot) bool { return slices.Contains(hosts, s.Hostname) }
	case ScopeBackups:
		options.Select = func(s restic.Snapshot) bool {
			return slices.ContainsFunc(made, func(m restic.Snapshot) bool { return sameGroup(m, s) })
		}
	}
	row.Forget, err = r.session.Forget(ctx, options)
	r.warnOfOtherHosts(hosts, row.RemovedByHost())
	if err == nil && len(row.Forget.Unreadable) > 0 {
		return errors.Join(restic.ErrDamaged, fmt.Errorf("%s cannot be read and %s left alone", plural.Of(len(row.Forget.Unreadable), "snapshot"), plural.Were(len(row.Forget.Unreadable))))
	}
	return err
}

// made lists the snapshots of this run. A backup that found nothing new and so made
// none (--skip-if-unchanged) is stood for by the one it was compared with.
func (r *run) made(ctx context.Context) ([]restic.Snapshot, error) {
	var ids []string
	for _, row := range r.report.Rows {
		switch {
		case row.Backup == nil:
		case !row.Backup.SnapshotID.IsZero():
			ids = append(ids, row.Backup.SnapshotID.String())
		case !row.Backup.ParentID.IsZero():
			ids = append(ids, row.Backup.ParentID.String())
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return r.session.Snapshots(ctx, restic.SnapshotFilter{IDs: ids})
}

// ownHosts are the hosts under which the configured backups are kept: mostly one,
// the name of this machine.
func (r *run) ownHosts(made []restic.Snapshot) []string {
	hosts := map[string]bool{}
	for _, snapshot := range made {
		hosts[snapshot.Hostname] = true
	}
	for _, backup := range r.cfg.Backups {
		args, err := parseExtras(r.cfg.BackupExtras, backup.Extras)
		switch {
		case err != nil: // reported when the configuration was read
		case args.Host != "":
			hosts[args.Host] = true
		default:
			if name, err := os.Hostname(); err == nil {
				hosts[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(hosts))
}

// warnOfOtherHosts says whose snapshots went, unless the configuration says that the
// retention is for all hosts.
func (r *run) warnOfOtherHosts(own []string, removed map[string]int) {
	if r.cfg.RetentionScope != "" {
		return
	}
	var others []string
	for _, host := range slices.Sorted(maps.Keys(removed)) {
		if !slices.Contains(own, host) {
			others = append(others, fmt.Sprintf("%d of host %q", removed[host], host))
		}
	}
	if len(others) > 0 {
		r.warn(fmt.Sprintf("the retention is applied to the whole repository and has removed snapshots of other hosts: %s; "+
			"retention_scope: host (or backups) leaves them alone, retention_scope: repository says that this is meant", strings.Join(others, ", ")))
	}
}

// sameGroup reports whether two snapshots have the same host and the same paths.
func sameGroup(a, b restic.Snapshot) bool {
	return a.Hostname == b.Hostname && slices.Equal(slices.Sorted(slices.Values(a.Paths)), slices.Sorted(slices.Values(b.Paths)))
}
