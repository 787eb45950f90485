package restic

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/restic/restic/rwmlink/data"
	"github.com/restic/restic/rwmlink/repository"
	"github.com/restic/restic/rwmlink/restic"
)

// CopyOptions says which snapshots to copy.
type CopyOptions struct {
	Filter SnapshotFilter
	// OnEvent receives SnapshotCopied, Progress, Message and Warning events.
	OnEvent func(Event)
}

// SnapshotCopied reports a snapshot that is in the destination now, or was there already.
type SnapshotCopied struct {
	Source Snapshot
	// Copy is the snapshot in the destination.
	Copy ID
	// Skipped is set if the copy was there already.
	Skipped bool
}

func (SnapshotCopied) event() {}

// CopyResult counts what was copied.
type CopyResult struct {
	// Copied and Skipped name each snapshot in the source and in the destination. Skipped were there already.
	Copied, Skipped []SnapshotChange
	Blobs           uint64
	Bytes           uint64 // as stored in the source
	// Unreadable are snapshots of the source that could not be read.
	Unreadable []ItemError
}

// CopyTo copies snapshots, and the data they use as far as it is missing, into another repository. Running it again copies what
// is new. To share data with what is backed up there, the destination should be made with the parameters of the source. The two may be copies of
// one repository, as a bucket and what was rebuilt of it are: what one of them has lost or never had is copied from the other.
//
// When some snapshots cannot be read the others are copied, and the error is a *SnapshotsError. The result may be there
// together with an error and says what was finished.
func (s *Session) CopyTo(ctx context.Context, dst *Session, o CopyOptions) (*CopyResult, error) {
	if dst == s {
		return nil, fmt.Errorf("copy: from and to %s in one session", s.loc) // it would wait for itself
	}
	rep := s.reporter(o.OnEvent)
	defer rep.stop()
	c := copier{rep: rep, res: &CopyResult{}}
	var selected data.Snapshots
	err := s.readSnapshots(ctx, func(ctx context.Context, from *repository.Repository) error {
		list, err := s.view.load(ctx, from)
		if err != nil {
			return err
		}
		selected, err = list.selectAll(o.Filter, rep)
		return c.leaveOut(err)
	}, func(ctx context.Context, from *repository.Repository) error {
		return dst.write(ctx, false, func(ctx context.Context, to *repository.Repository) error {
			there, err := dst.view.load(ctx, to)
			if err != nil {
				return err
			}
			c.from, c.to = from, to
			c.visited = from.NewAssociatedBlobSet()
			return c.run(ctx, c.missing(selected, there))
		})
	})
	if err == nil && len(c.res.Unreadable) > 0 {
		err = &SnapshotsError{Items: c.res.Unreadable}
	}
	return c.res, err
}

// copier copies from one repository to another.
type copier struct {
	from, to *repository.Repository
	rep      *reporter
	res      *CopyResult
	visited  restic.AssociatedBlobSet // trees that were gone through
}

func (c *copier) leaveOut(err error) error {
	unreadable, err := leaveOut(err, "copied")
	for _, it := range unreadable {
		c.rep.warn("snapshot "+it.Item+" cannot be read and is not copied", it.Err)
	}
	c.res.Unreadable = unreadable
	return err
}

// missing returns the snapshots that have no copy in the destination.
func (c *copier) missing(selected data.Snapshots, there snapshotList) data.Snapshots {
	copies := make(map[restic.ID]data.Snapshots)
	for _, sn := range there.all {
		copies[origin(sn)] = append(copies[origin(sn)], sn)
		if origin(sn) != *sn.ID() {
			copies[*sn.ID()] = append(copies[*sn.ID()], sn)
		}
	}
	return slices.DeleteFunc(selected, func(sn *data.Snapshot) bool {
		for _, have := range copies[origin(sn)] {
			if similar(have, sn) {
				c.res.Skipped = append(c.res.Skipped, SnapshotChange{Old: ID(*sn.ID()), New: ID(*have.ID())})
				c.rep.emit(SnapshotCopied{Source: newSnapshot(sn), Copy: ID(*have.ID()), Skipped: true})
				return true
			}
		}
		return false
	})
}

// origin is the ID that stays the same when a snapshot is copied or its tags change.
func origin(sn *data.Snapshot) restic.ID {
	if sn.Original != nil && !sn.Original.IsNull() {
		return *sn.Original
	}
	return *sn.ID()
}

// similar reports whether two snapshots differ in nothing but their parents and origins.
func similar(a, b *data.Snapshot) bool {
	return a.Time.Equal(b.Time) && *a.Tree == *b.Tree && a.Hostname == b.Hostname &&
		a.Username == b.Username && a.UID == b.UID && a.GID == b.GID &&
		len(a.Paths) == len(b.Paths) && a.HasPaths(b.Paths) &&
		len(a.Tags) == len(b.Tags) && a.HasTags(b.Tags) &&
		slices.Equal(a.Excludes, b.Excludes)
}

// A batch of snapshots is saved when this much was copied for them, so that an interrupted copy has not been for nothing.
const (
	copyBatchPacks = 100
	copyBatchTime  = time.Minute
)

// run copies the snapshots in batches: first their data, then, when it is stored, the snapshots.
func (c *copier) run(ctx context.Context, list data.Snapshots) error {
	bar := c.rep.counter("snapshots")
	bar.SetMax(uint64(len(list)))
	defer bar.Done()
	enough := uint64(c.to.PackSize()) * copyBatchPacks
	for len(list) > 0 {
		n, start, bytes := 0, time.Now(), c.res.Bytes
		err := c.to.WithBlobUploader(ctx, func(ctx context.Context, uploader restic.BlobSaverWithAsync) error {
			for n < len(list) && (c.res.Bytes-bytes < enough || time.Since(start) < copyBatchTime) {
				if err := c.tree(ctx, *list[n].Tree, uploader); err != nil {
					return fmt.Errorf("copying snapshot %s: %w", list[n].ID().Str(), err)
				}
				n++
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, sn := range list[:n] {
			if err := c.save(ctx, sn); err != nil {
				return err
			}
			bar.Add(1)
		}
		list = list[n:]
	}
	return nil
}

func (c *copier) save(ctx context.Context, sn *data.Snapshot) error {
	copied := *sn
	copied.Parent = nil // means nothing there
	id := origin(sn)
	copied.Original = &id
	newID, err := data.SaveSnapshot(ctx, c.to, &copied)
	if err != nil {
		return fmt.Errorf("saving the copy of snapshot %s: %w", sn.ID().Str(), err)
	}
	c.res.Copied = append(c.res.Copied, SnapshotChange{Old: ID(*sn.ID()), New: ID(newID)})
	c.rep.emit(SnapshotCopied{Source: newSnapshot(sn), Copy: ID(newID)})
	return nil
}
