package rwm

import (
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// Event reports what a backup run does: one of the types below.
type Event interface{ event() }

// RunStarted is the first event of a run; it holds the lock and has opened the
// repository.
type RunStarted struct{ Backups []string }

// StepStarted says that a step of the run begins. Each one ends with a StepFinished.
type StepStarted struct {
	Step Step
	Name string
}

// HookStarted says that a shell command is about to run.
type HookStarted struct {
	Backup  string
	Phase   string // "prerun" or "postrun"
	Index   int    // which command of the list, from 0
	Command string // as configured; Program is what to show
}

// Program is the first word of the command, with … if there is more. The rest
// may hold a password, so it should not be printed or logged.
func (h HookStarted) Program() string { return program(h.Command) }

// RepositoryEvent passes on what restic's engine reports during a step.
type RepositoryEvent struct {
	Step  Step
	Name  string
	Event restic.Event
}

// StateEvent passes on what the saving of the state reports.
type StateEvent struct{ Event s3state.Event }

// StepFinished says how a step ended.
type StepFinished struct{ Row Row }

// StepSkipped says that a step is left out, and why. It has no row.
type StepSkipped struct {
	Step   Step
	Reason string
}

// Warning is something that does not stop a run but that somebody should look at.
type Warning struct{ Text string }

func (RunStarted) event()      {}
func (StepStarted) event()     {}
func (HookStarted) event()     {}
func (RepositoryEvent) event() {}
func (StateEvent) event()      {}
func (StepFinished) event()    {}
func (StepSkipped) event()     {}
func (Warning) event()         {}

func (m *Manager) emit(event Event) {
	if m.events == nil {
		return
	}
	m.eventMu.Lock()
	defer m.eventMu.Unlock()
	m.events(event)
}

func (m *Manager) warn(text string) {
	m.log.Debug(text)
	m.emit(Warning{text})
}
