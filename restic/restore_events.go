package restic

import (
	"time"

	enguirestore "github.com/restic/restic/rwmlink/uirestore"
)

// RestoreAction is what a restore did with a path.
type RestoreAction string

// Actions of a restore.
const (
	RestoredDir   RestoreAction = "dir restored"
	RestoredFile  RestoreAction = "file restored"
	UpdatedFile   RestoreAction = "file updated"
	UnchangedFile RestoreAction = "file unchanged"
	RestoredOther RestoreAction = "other restored"
	DeletedPath   RestoreAction = "deleted"
)

// RestoreStarted names the snapshot that is about to be restored.
type RestoreStarted struct{ Snapshot Snapshot }

// RestoreStatus reports the progress of a restore several times a second.
type RestoreStatus struct {
	FilesTotal, FilesRestored, FilesSkipped, FilesDeleted uint64
	BytesTotal, BytesRestored, BytesSkipped               uint64
	Elapsed                                               time.Duration
}

// RestoreItem reports a path that is done.
type RestoreItem struct {
	Action RestoreAction
	Path   string // in the snapshot; of what was deleted, in the target
	Size   uint64
}

// RestoreError reports a path that could not be restored. The restore continues.
type RestoreError struct {
	Path string
	Err  error
}

func (RestoreStarted) event() {}
func (RestoreStatus) event()  {}
func (RestoreItem) event()    {}
func (RestoreError) event()   {}

var _ enguirestore.ProgressPrinter = (*restoreWatch)(nil)

// Update implements uirestore.ProgressPrinter.
func (w *restoreWatch) Update(st enguirestore.State, elapsed time.Duration) {
	w.rep.emit(RestoreStatus{
		FilesTotal: st.FilesTotal, FilesRestored: st.FilesFinished, FilesSkipped: st.FilesSkipped, FilesDeleted: st.FilesDeleted,
		BytesTotal: st.AllBytesTotal, BytesRestored: st.AllBytesWritten, BytesSkipped: st.AllBytesSkipped,
		Elapsed: elapsed,
	})
}

// Finish implements uirestore.ProgressPrinter.
func (w *restoreWatch) Finish(st enguirestore.State, elapsed time.Duration) {
	w.Update(st, elapsed)
	w.res.FilesTotal, w.res.FilesRestored = st.FilesTotal, st.FilesFinished
	w.res.FilesSkipped, w.res.FilesDeleted = st.FilesSkipped, st.FilesDeleted
	w.res.BytesTotal, w.res.BytesRestored, w.res.BytesSkipped = st.AllBytesTotal, st.AllBytesWritten, st.AllBytesSkipped
}

// Error implements uirestore.ProgressPrinter.
func (w *restoreWatch) Error(path string, err error) error {
	w.mu.Lock()
	w.res.Failed = append(w.res.Failed, ItemError{Item: path, Err: err})
	w.mu.Unlock()
	w.rep.emit(RestoreError{Path: path, Err: err})
	return nil
}

// CompleteItem implements uirestore.ProgressPrinter.
func (w *restoreWatch) CompleteItem(action enguirestore.ItemAction, path string, size uint64) {
	if action == enguirestore.ItemAction(UnchangedFile) {
		w.unchanged(path)
	}
	w.rep.emit(RestoreItem{Action: RestoreAction(action), Path: path, Size: size})
}
