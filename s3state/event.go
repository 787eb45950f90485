package s3state

import "github.com/cesnet/rwm/internal/events"

// Event reports progress. Events of one operation are delivered one at a time
// and never after it has returned.
type Event interface{ event() }

// StepDone says that a step of an operation has been completed.
type StepDone struct {
	Bucket string
	Step   string
}

// ListProgress counts what a version listing has given so far.
type ListProgress struct {
	Bucket  string
	Entries int64
}

// CopyProgress counts the objects of a restore. The totals are known from the
// first event on.
type CopyProgress struct {
	Objects, TotalObjects int64
	Bytes, TotalBytes     int64
	Skipped               int64 // of Objects: were there already
}

// DeleteProgress counts the versions and delete markers removed so far.
type DeleteProgress struct {
	Bucket  string
	Deleted int64
	Bytes   int64
	Failed  int64
}

// Retry reports a transient failure of a request that is about to be repeated.
type Retry struct {
	Bucket  string
	What    string
	Attempt int
	Err     error
}

func (StepDone) event() {}

func (ListProgress) event() {}

func (CopyProgress) event() {}

func (DeleteProgress) event() {}

func (Retry) event() {}

// reporter delivers the events of one operation.
type reporter struct{ events *events.Emitter[Event] }

func newReporter(fn func(Event)) *reporter { return &reporter{events.New(fn)} }

func (r *reporter) emit(e Event) {
	if r != nil {
		r.events.Emit(e)
	}
}

// close makes sure that nothing is reported after the operation has returned.
func (r *reporter) close() { r.events.Stop() }
