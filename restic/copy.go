package restic

import (
	"context"
	"fmt"
	"slices"
	"time"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// CopyOptions configures a copy.
type CopyOptions struct {
	Filter SnapshotFilter
	// OnEvent receives SnapshotCopied, Progress, Message and Warning events.
	OnEvent func(Event)
}

// SnapshotCopied reports a snapshot that is in the destination now, or was there
// already.
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
	// Copied and Skipped name each snapshot in the source and in the destination.
	// Skipped were there already.
	Copied, Skipped []SnapshotChange
	Blobs           uint64
	Bytes           uint64 // as stored in the source
	// Unreadable are snapshots of the source that could not be read.
	Unreadable []ItemError
}

// CopyTo copies snapshots, and the data they need that is missing there, to another
// repository. Running it again copies what is new. Data is shared with the
// destination's own backups only if that repository was made with WithChunkerOf. The
// two may be copies of one repository, such as a bucket and its rebuilt copy: whatever
// the destination has lost or never had is copied.
//
// When some snapshots cannot be read the others are copied, and the error is a
// *SnapshotsError. The result may come with an error, and then describes what was
// finished.
func (s *Session) CopyTo(ctx context.Context, dst *Session, o CopyOptions) (*CopyResult, error) {
	if s == nil || dst == nil {
		return nil, fmt.Errorf("copy: %w", errNilSession)
	}
	if dst == s {
		// it would wait for itself
		return nil, fmt.Errorf("copy: from and to %s in one session", s.loc)
	}
	rep := s.reporter(o.OnEvent)
	defer rep.stop()
	c := copier{rep: rep, res: &CopyResult{}}
	var selected engdata.Snapshots
	choose := func(ctx context.Context, from *engrepository.Repository) error {
		list, err := s.view.load(ctx, from, o.Filter.names())
		if err != nil {
			return err
		}
		selected, err = list.selectAll(o.Filter, rep)
		return c.leaveOut(err)
	}
	read := access{index: true, choose: choose, lists: true, names: o.Filter.names()}
	write := access{write: true, index: true, lists: true}
	err := s.runWith(ctx, read, dst, write, func(ctx context.Context, from, to *engrepository.Repository) error {
		there, err := dst.view.load(ctx, to, nil)
		if err != nil {
			return err
		}
		c.from, c.to = from, to
		c.visited = newBlobSet(from)
		return c.run(ctx, c.missing(selected, there))
	})
	if err == nil && len(c.res.Unreadable) > 0 {
		err = &SnapshotsError{Items: c.res.Unreadable}
	}
	return c.res, err
}

// copier copies from one repository to another.
type copier struct {
	from, to *engrepository.Repository
	rep      *reporter
	res      *CopyResult
	visited  *blobSet // trees that were visited
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
func (c *copier) missing(selected engdata.Snapshots, there snapshotList) engdata.Snapshots {
	copies := make(map[engrestic.ID]engdata.Snapshots)
	for _, sn := range there.all {
		copies[origin(sn)] = append(copies[origin(sn)], sn)
		if origin(sn) != *sn.ID() {
			copies[*sn.ID()] = append(copies[*sn.ID()], sn)
		}
	}
	return slices.DeleteFunc(selected, func(sn *engdata.Snapshot) bool {
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
func origin(sn *engdata.Snapshot) engrestic.ID {
	if sn.Original != nil && !sn.Original.IsNull() {
		return *sn.Original
	}
	return *sn.ID()
}

// similar reports whether two snapshots differ in nothing but their parents and
// origins.
func similar(a, b *engdata.Snapshot) bool {
	return a.Time.Equal(b.Time) && *a.Tree == *b.Tree && a.Hostname == b.Hostname &&
		a.Username == b.Username && a.UID == b.UID && a.GID == b.GID &&
		len(a.Paths) == len(b.Paths) && a.HasPaths(b.Paths) &&
		len(a.Tags) == len(b.Tags) && a.HasTags(b.Tags) &&
		slices.Equal(a.Excludes, b.Excludes)
}

// A batch of snapshots is saved after this much data, so that an interrupted copy is
// not wasted.
const (
	copyBatchPacks = 100
	copyBatchTime  = time.Minute
)

// run copies the snapshots in batches: first their data and then, once it is stored,
// the snapshots.
func (c *copier) run(ctx context.Context, list engdata.Snapshots) error {
	bar := c.rep.counter("snapshots")
	bar.SetMax(uint64(len(list)))
	defer bar.Done()
	enough := uint64(c.to.PackSize()) * copyBatchPacks
	for len(list) > 0 {
		n, start, bytes := 0, time.Now(), c.res.Bytes
		err := c.to.WithBlobUploader(ctx, func(ctx context.Context, uploader engrestic.BlobSaverWithAsync) error {
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

func (c *copier) save(ctx context.Context, sn *engdata.Snapshot) error {
	copied := *sn
	copied.Parent = nil // means nothing there
	id := origin(sn)
	copied.Original = &id
	newID, err := engdata.SaveSnapshot(ctx, c.to, &copied)
	if err != nil {
		return fmt.Errorf("saving the copy of snapshot %s: %w", sn.ID().Str(), err)
	}
	c.res.Copied = append(c.res.Copied, SnapshotChange{Old: ID(*sn.ID()), New: ID(newID)})
	c.rep.emit(SnapshotCopied{Source: newSnapshot(sn), Copy: ID(newID)})
	return nil
}
