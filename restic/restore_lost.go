package restic

import (
	"fmt"
	"os"
	"path/filepath"

	engdata "github.com/restic/restic/rwmlink/data"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// noteLost has the files of a directory left out that have a blob in no index, and
// reports them. The restorer would end at the first of them, and restore none of the
// others.
func (r *restoreAhead) noteLost(e *aheadTree) error {
	for item := range e.all() {
		if item.Error != nil {
			return nil // which is the restorer's to report
		}
		n := item.Node
		if n.Type != engdata.NodeTypeFile || !plainName(n.Name) {
			continue
		}
		blob, lost := r.firstLost(n.Content)
		if !lost {
			continue
		}
		path := filepath.Join(r.dir, n.Name)
		if selected, _ := r.selects(path, false); !selected || r.stays(path, n) {
			continue
		}
		r.lost[path] = true
		err := fmt.Errorf("%w: %v is in no index, so nothing was done to this file; if its pack is still there, repair index finds it",
			ErrDamaged, BlobHandle{BlobData, blob})
		if err := r.error(path, err); err != nil {
			return err
		}
	}
	return nil
}

// firstLost returns the first of the blobs that is in no index.
func (r *restoreAhead) firstLost(content engrestic.IDs) (blob ID, lost bool) {
	for _, id := range content {
		if _, known := r.Repository.LookupBlobSize(engrestic.DataBlob, id); !known {
			return ID(id), true
		}
	}
	return ID{}, false
}

// stays reports whether the restorer will leave an existing file as it is, without
// comparing its content.
func (r *restoreAhead) stays(path string, n *engdata.Node) bool {
	if r.o.Overwrite == OverwriteAlways {
		return false
	}
	info, err := os.Lstat(filepath.Join(r.target, path))
	if err != nil {
		return false
	}
	switch r.o.Overwrite {
	case OverwriteIfChanged:
		return info.Mode().IsRegular() && info.ModTime().Equal(n.ModTime) && uint64(info.Size()) == n.Size
	case OverwriteIfNewer:
		return !n.ModTime.After(info.ModTime())
	}
	return true // OverwriteNever
}
