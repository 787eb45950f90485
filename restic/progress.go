package restic

import (
	"fmt"
	"strings"
	"sync"
	"time"

	engprogress "github.com/restic/restic/rwmlink/progress"

	"github.com/cesnet/rwm/internal/events"
)

// progressInterval is the time between two Progress events of the same task.
const progressInterval = 100 * time.Millisecond

// Progress reports the progress of one task of a call.
type Progress struct {
	// Task names what is counted, for example "snapshots" or "packs repacked".
	Task string
	// Done and Total count the units of the task. Total is 0 while it is not known.
	Done, Total uint64
	// Elapsed is the time since the task began.
	Elapsed time.Duration
	// Final is set on the last event of a task, whether it came to its end or not.
	Final bool
}

// Message is a remark by the engine. Nothing depends on its wording.
type Message struct {
	// Level is 0 for what should always be shown, 1 for normal messages, 2 for verbose
	// and 3 for debugging ones.
	Level int
	Text  string
}

// Warning is a problem that did not end the call.
type Warning struct {
	Text string
	// Err is the error behind the warning, if there is one.
	Err error
}

func (Progress) event() {}
func (Message) event()  {}
func (Warning) event()  {}

// reporter turns the engine's counters and texts into events for the caller's function.
// A nil reporter is valid and drops everything; the engine then gets nil counters and
// leaves the process's signals alone.
type reporter struct {
	em     *emitter
	ignore func() // ends the reports of retries

	mu       sync.Mutex
	counters []*engprogress.Counter
}

// reporter returns one for a call; the caller must stop it. The events of all calls
// include Retrying.
func (s *Session) reporter(fn func(Event)) *reporter {
	if fn == nil {
		return nil
	}
	em := events.New(fn)
	return &reporter{em: em, ignore: s.stack.listen(em)}
}

func (r *reporter) emit(ev Event) {
	if r != nil {
		r.em.Emit(ev)
	}
}

func (r *reporter) warn(text string, err error) { r.emit(Warning{Text: text, Err: err}) }

// counter returns a counter that reports itself as Progress events.
func (r *reporter) counter(task string) *engprogress.Counter {
	if r == nil {
		return nil
	}
	c := engprogress.NewCounter(progressInterval, 0, func(done, total uint64, elapsed time.Duration, final bool) {
		r.emit(Progress{Task: task, Done: done, Total: total, Elapsed: elapsed, Final: final})
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counters = append(r.counters, c)
	return c
}

// stop ends the counters the engine left running, then all events.
func (r *reporter) stop() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.counters {
		c.Done()
	}
	r.counters = nil
	r.ignore()
	r.em.Stop()
}

// eventPrinter receives the engine's output: counters become Progress, texts Message
// and Warning events. It remembers the texts of errors, since some of the engine's
// errors only refer to the output.
type eventPrinter struct {
	rep *reporter

	mu     sync.Mutex
	errors []string
}

var _ engprogress.Printer = (*eventPrinter)(nil)

// maxPrintedErrors bounds how many printed errors are remembered.
const maxPrintedErrors = 20

func (p *eventPrinter) NewCounter(task string) *engprogress.Counter { return p.rep.counter(task) }
func (p *eventPrinter) NewCounterTerminalOnly(task string) *engprogress.Counter {
	return p.rep.counter(task)
}

func (p *eventPrinter) E(msg string, args ...any) {
	text := strings.TrimSpace(fmt.Sprintf(msg, args...))
	p.mu.Lock()
	if len(p.errors) < maxPrintedErrors {
		p.errors = append(p.errors, text)
	}
	p.mu.Unlock()
	p.rep.emit(Warning{Text: text})
}

func (p *eventPrinter) S(msg string, args ...any)  { p.say(0, msg, args) }
func (p *eventPrinter) PT(msg string, args ...any) { p.say(1, msg, args) }
func (p *eventPrinter) P(msg string, args ...any)  { p.say(1, msg, args) }
func (p *eventPrinter) V(msg string, args ...any)  { p.say(2, msg, args) }
func (p *eventPrinter) VV(msg string, args ...any) { p.say(3, msg, args) }

func (p *eventPrinter) say(level int, msg string, args []any) {
	if p.rep == nil {
		return
	}
	if text := strings.TrimSpace(fmt.Sprintf(msg, args...)); text != "" {
		p.rep.emit(Message{Level: level, Text: text})
	}
}

// maxExplanation bounds how much of a printed error goes into an error text, in bytes.
const maxExplanation = 300

// explain adds what the engine printed about an error to the error: the first line of
// each text, since what follows is advice to users of the command.
func (p *eventPrinter) explain(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil || len(p.errors) == 0 {
		return err
	}
	lines := make([]string, len(p.errors))
	for i, text := range p.errors {
		lines[i], _, _ = strings.Cut(text, "\n")
		if len(lines[i]) > maxExplanation {
			lines[i] = strings.ToValidUTF8(lines[i][:maxExplanation], "") + "…"
		}
	}
	return fmt.Errorf("%w: %s", err, strings.Join(lines, "; "))
}
