package rwm

import (
	"crypto/rand"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// Event reports the progress of a backup run: RunStarted, StepStarted, StepFinished,
// StepSkipped, HookStarted, RepositoryEvent, StateEvent, Waiting or Warning.
type Event interface{ event() }

// RunStarted is the first event of a run. By then the run holds the lock and has opened
// the repository.
type RunStarted struct{ Backups []string }

// StepStarted reports that a step of the run begins. Each one ends with a StepFinished.
type StepStarted struct {
	Step Step
	Name string
}

// HookPhase names the hooks of a backup by when they run.
type HookPhase string

// The phases of a backup, in this order; the backup itself comes between PhasePreRun
// and PhasePostRun.
const (
	PhaseBefore  HookPhase = "before"  // the function Backup.Before
	PhasePreRun  HookPhase = "prerun"  // the commands of Backup.PreRun
	PhasePostRun HookPhase = "postrun" // the commands of Backup.PostRun
	PhaseAfter   HookPhase = "after"   // the function Backup.After
)

// HookStarted says that a hook is about to run: a shell command, or a function.
type HookStarted struct {
	Backup  string
	Phase   HookPhase
	Index   int    // which command of the list, from 0
	Command string // as configured, "" of a function; Program is what to show
}

// Program is the first word of the command, with … if there is more. The rest
// may hold a password, so it should not be printed or logged.
func (h HookStarted) Program() string { return program(h.Command) }

// RepositoryEvent passes on an event of package restic during a step. Step and Name are
// empty outside of steps, for [restic.Waiting], [restic.Retrying] and [restic.Warning]
// events while the repository is opened and locked.
type RepositoryEvent struct {
	Step  Step
	Name  string
	Event restic.Event
}

// StateEvent passes on an event of package s3state while the state is saved.
type StateEvent struct{ Event s3state.Event }

// StepFinished reports the outcome of a step.
type StepFinished struct{ Row Row }

// StepSkipped reports a step that is left out, and why. It has no row.
type StepSkipped struct {
	Step   Step
	Reason string
}

// Waiting reports that the preparations before the first step take long. It comes after
// three seconds at the latest.
type Waiting struct {
	What string
	Err  error // why, where it is known
}

// Warning reports a problem that does not stop a run but that a person should look at.
type Warning struct{ Text string }

func (RunStarted) event()      {}
func (StepStarted) event()     {}
func (HookStarted) event()     {}
func (RepositoryEvent) event() {}
func (StateEvent) event()      {}
func (StepFinished) event()    {}
func (StepSkipped) event()     {}
func (Waiting) event()         {}
func (Warning) event()         {}

// RunID names one backup run: its [Report] and its events have it. It is random and
// never empty.
type RunID string

func newRunID() RunID { return RunID(rand.Text()) }

// runEvent is an event and the run it is of.
type runEvent struct {
	run   RunID
	event Event
}

func (m *Manager) emit(event Event) { m.emitOf("", event) }

func (m *Manager) emitOf(run RunID, event Event) { m.events.Emit(runEvent{run, event}) }

// emit and warn of a run say which one it is.
func (r *run) emit(event Event) { r.emitOf(r.report.Run, event) }

func (r *run) warn(text string) {
	r.log.Debug(text, "run", r.report.Run)
	r.emit(Warning{text})
}

func (m *Manager) warn(text string) {
	m.log.Debug(text)
	m.emit(Warning{text})
}
