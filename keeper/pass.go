package keeper

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cesnet/rwm/internal/events"
	"github.com/cesnet/rwm/internal/printable"
	"github.com/cesnet/rwm/internal/redact"
)

// Report is the result of a pass.
type Report struct {
	Start    time.Time `json:"start"`
	Seconds  float64   `json:"seconds"` // how long it took
	Storages []*Status `json:"storages"`
	// Changes are the changes of state since people were last told.
	Changes  []Change `json:"changes"`
	Requests int64    `json:"requests"`
	Bytes    int64    `json:"bytes"` // received
	// Untold is the reason why people could not be told of some changes; the next pass
	// tries again.
	Untold string `json:"untold,omitempty"`
	// Unpinged is the reason why the watchdog did not hear of the pass.
	Unpinged string `json:"unpinged,omitempty"`
}

// Green reports whether every storage is green. A report of no storage is not, and
// neither is the nil Report of a pass that could not begin.
func (r *Report) Green() bool {
	if r == nil || len(r.Storages) == 0 {
		return false
	}
	for _, s := range r.Storages {
		if s == nil || !s.Green {
			return false
		}
	}
	return true
}

// Pass does what is due for the named storages, or for all of them if no names are
// given. Its error concerns the pass itself: ErrPassRunning, ErrUnknownStorage, a state
// directory that cannot be written, or the end of ctx. Problems of storages are in the
// report, which is returned unless the pass could not begin.
//
// The state is saved after every task, so the pass after a killed one continues where
// that one stopped.
func (k *Keeper) Pass(ctx context.Context, names ...string) (*Report, error) {
	k = k.made()
	defer k.events.Rethrow()
	asked := len(names) > 0
	names, err := k.names(names)
	if err != nil {
		return nil, err
	}
	unlock, err := k.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	defer func() {
		if err := likeTop(string(k.state)); err != nil {
			k.log.Warn("owner of the state", "error", err)
		}
	}()
	if err := k.settle(); err != nil {
		return nil, err
	}
	// What a drill that was killed has restored is in the clear.
	if err := os.RemoveAll(k.state.drills()); err != nil {
		k.log.Warn("what a drill has restored", "error", err)
	}
	report := &Report{Start: k.now(), Storages: make([]*Status, len(names)), Changes: []Change{}}
	k.ping(ctx, report, PingStart, "")
	var mu sync.Mutex
	var errs []error
	group := &errgroup.Group{}
	group.SetLimit(max(k.cfg.Parallel, 0))
	if k.cfg.Parallel == 0 {
		group.SetLimit(4)
	}
	for _, i := range k.state.order(names) {
		name := names[i]
		group.Go(func() error {
			p, err := k.visit(ctx, name)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, fmt.Errorf("storage %s: %w", name, err))
			}
			report.Storages[i] = p.status
			report.Requests += p.meter.requests.Load()
			report.Bytes += p.meter.bytes.Load()
			return nil
		})
	}
	_ = group.Wait()
	if !asked {
		report.Storages = append(report.Storages, k.orphans()...)
	}
	if ctx.Err() == nil {
		errs = append(errs, k.tell(ctx, report))
	}
	report.Seconds = k.now().Sub(report.Start).Seconds()
	err = errors.Join(append(errs, ctx.Err())...)
	k.pingEnd(context.WithoutCancel(ctx), report, asked, err)
	return report, err
}

// visit is the pass over one storage.
type visit struct {
	k       *Keeper
	name    string
	cfg     *StorageConfig
	r       *record
	meter   *meter
	storage Storage
	status  *Status
	proof   *Proof // by the history of this pass
	// more gives a budget like that of the pass once more.
	more func() (context.Context, func())
}

// visit goes over one storage. The error is about the state directory.
func (k *Keeper) visit(ctx context.Context, name string) (v *visit, err error) {
	v = &visit{k: k, name: name, cfg: k.cfg.Storages[name]}
	within, meter, done := newMeter(ctx, v.cfg.Budget, k.base)
	defer done()
	v.meter = meter
	if v.r, err = k.state.load(name, v.cfg, k.now()); err == nil && !v.r.Lost.IsZero() {
		err = k.state.putAside(name)
	}
	if err != nil {
		v.r = &record{Tasks: map[Task]*taskRecord{}}
		v.status = k.status(name, v.r)
		v.status.Green = false
		v.status.Reds = append(v.status.Reds, Red{"state", "The state of earlier passes cannot be read: " + err.Error() + ".", "ls -l " + string(k.state)})
		return v, err
	}
	v.more = func() (context.Context, func()) { return meter.grant(ctx, v.cfg.Budget) }
	v.work(within)
	v.r.LastPass = k.now()
	err = k.state.save(name, v.r, true)
	v.status = k.status(name, v.r)
	if err != nil {
		v.status.Green = false
		v.status.Reds = append(v.status.Reds, Red{"state", "What this pass found could not be kept: " + err.Error() + ".", "df -h " + string(k.state)})
	}
	k.emit(StorageFinished{v.status})
	return v, err
}

// work does what is due within the budget of ctx. The promise does not depend on it: an
// attacker on the host can make so much to judge that no pass gets as far as the
// renewal, and the locks would end. So that has a budget of its own if the first is
// spent.
func (v *visit) work(ctx context.Context) {
	var err error
	err = events.Try(func() (err error) {
		v.storage, err = v.k.open(ctx, v.name, v.cfg, v.meter)
		return err
	})
	if err == nil && v.storage == nil {
		err = errors.New("no storage was opened")
	}
	if err != nil {
		v.storage = nil
	}
	if v.r.Begun != "" && v.r.Begun != TaskRenew && v.storage != nil && v.due(TaskRenew) {
		// The last pass died, perhaps of something that an attacker on the host has made,
		// and would every time, before it comes to the locks.
		v.do(ctx, TaskRenew, v.renew)
	}
	ok := v.do(ctx, TaskSurvey, func(ctx context.Context) (Outcome, string, error) {
		if err != nil {
			return NotProved, "", err
		}
		return v.survey(ctx)
	})
	if v.storage != nil {
		defer events.Try(v.storage.Close) //nolint:errcheck // it has only read, or says so itself
	}
	if !ok {
		return
	}
	steps := map[Task]step{
		TaskPolicy: v.policy, TaskAccess: v.access, TaskHistory: v.history, TaskProve: v.prove, TaskSigns: v.signs,
		TaskRenew: v.renew, TaskForget: v.forget, TaskDrop: v.drop, TaskRead: v.read, TaskDrill: v.drill,
	}
	for _, t := range tasks {
		within := ctx
		if t == TaskRenew && spent(ctx) {
			var done func()
			within, done = v.more()
			defer done()
		}
		if within.Err() != nil {
			continue
		}
		if v.due(t) {
			v.do(within, t, steps[t])
		}
	}
}

// due reports whether a task has to be done now, and may be.
func (v *visit) due(t Task) bool {
	every := v.cfg.every(t)
	if t == TaskRead && every.On() {
		every = Period(period(v.cfg, t))
	}
	last := v.r.task(t).Tried
	if v.r.task(t).Outcome != Proved || t == TaskRenew && v.r.frozen() && !v.r.FrozenRenewal {
		last = time.Time{} // what was not proved is tried again at every pass
	}
	due := every.due(last, v.k.now()) || t == TaskProve && every.On() && v.provedAnyway()
	return due && v.allowed(t)
}

// allowed reports whether a task may be done as things are.
func (v *visit) allowed(t Task) bool {
	switch t {
	case TaskRenew:
		// If it is not known to be locked, that may be because its policy cannot be read.
		return v.r.Locked || !v.cfg.Policy.On() || v.r.task(TaskPolicy).Outcome != Proved
	case TaskForget:
		return !v.r.frozen()
	case TaskDrop:
		return !v.r.frozen() && !v.r.Locked
	}
	return true
}

type step func(ctx context.Context) (Outcome, string, error)

// try does the step. A panic in it is an error: one storage's fault is not the others'.
func (s step) try(ctx context.Context) (outcome Outcome, text string, err error) {
	err = events.Try(func() (err error) {
		outcome, text, err = s(ctx)
		return err
	})
	return outcome, text, err
}

// do does a task and records how it went. It reports whether that is proved.
func (v *visit) do(ctx context.Context, t Task, s step) bool {
	v.k.emit(TaskStarted{v.name, t})
	start, requests, bytes := v.k.now(), v.meter.requests.Load(), v.meter.bytes.Load()
	began := time.Now()
	if ctx.Err() != nil && !spent(ctx) {
		return false
	}
	v.r.Begun = t
	v.save()
	outcome, text, err := s.try(ctx)
	if t == TaskRenew && err != nil && spent(ctx) && v.renewAllCurrent() {
		again, done := v.more()
		defer done()
		ctx = again // which says what ended it
		outcome, text, err = s.try(ctx)
	}
	if err != nil {
		if spent(ctx) {
			err = context.Cause(ctx)
		}
		outcome, text = NotProved, oneLine(err.Error())
	}
	tr := v.r.task(t)
	if ctx.Err() != nil && !spent(ctx) {
		return false // interrupted: the next pass does it, and nothing is known
	}
	v.r.Begun = ""
	tr.Tried, tr.Outcome, tr.Text = start, outcome, text
	tr.Requests, tr.Bytes, tr.Seconds = v.meter.requests.Load()-requests, v.meter.bytes.Load()-bytes, time.Since(began).Seconds()
	if outcome == Proved {
		tr.Proved = start
	}
	v.save()
	v.k.emit(TaskFinished{v.name, t, outcome, text, time.Since(began)})
	return outcome == Proved
}

// save keeps what is known in the middle of a pass.
func (v *visit) save() {
	if err := v.k.state.save(v.name, v.r, false); err != nil {
		v.k.log.Warn("state not saved", "storage", v.name, "error", err) // said again at the end
	}
}

// oneLine makes an error fit for a message. A server may repeat in its answer what a
// request was signed with.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(redact.Text(text)), " ")
	return printable.Text(text, 600)
}
