package keeper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/cesnet/rwm/internal/ahead"
	"github.com/cesnet/rwm/internal/events"
	"github.com/cesnet/rwm/rwm"
)

// Errors of this package, in addition to those of package rwm (rwm.ErrConfig and so
// on).
var (
	// ErrPassRunning: another pass uses the state directory.
	ErrPassRunning = errors.New("another pass is in progress")
	// ErrUnknownStorage: the configuration has no storage of that name.
	ErrUnknownStorage = errors.New("no such storage")
	// ErrUnknownAlarm: there is no such alarm to acknowledge.
	ErrUnknownAlarm = errors.New("no such alarm")
)

// Keeper makes passes over the storages of a configuration. Its methods are safe for
// concurrent use, but each state directory allows only one pass at a time.
type Keeper struct {
	cfg    *Config
	state  stateDir
	now    func() time.Time
	log    *slog.Logger
	open   func(ctx context.Context, name string, cfg *StorageConfig, rt http.RoundTripper) (Storage, error)
	base   http.RoundTripper
	teller Teller

	events *events.Emitter[Event]
}

// Option changes how a Keeper works.
type Option func(*Keeper)

// WithClock replaces time.Now.
func WithClock(now func() time.Time) Option { return func(k *Keeper) { k.now = now } }

// WithLogger sets the logger for details (default: none).
func WithLogger(log *slog.Logger) Option { return func(k *Keeper) { k.log = log } }

// WithTransport sets the HTTP transport of all S3 requests (default: one of
// rwm.NewTransport for all storages).
func WithTransport(rt http.RoundTripper) Option { return func(k *Keeper) { k.base = rt } }

// WithEvents sets the function that receives progress events. Calls come one at a time.
func WithEvents(fn func(Event)) Option { return func(k *Keeper) { k.events = events.New(fn) } }

// WithTeller sets the Teller that tells people about changes of state (default: none).
func WithTeller(t Teller) Option { return func(k *Keeper) { k.teller = t } }

// WithStorage sets the function that opens a storage. Requests sent through rt are
// counted and bounded by the budget.
func WithStorage(open func(ctx context.Context, name string, cfg *StorageConfig, rt http.RoundTripper) (Storage, error)) Option {
	return func(k *Keeper) { k.open = open }
}

// New makes a Keeper. It sends nothing and reads no secret. The error is an
// rwm.ErrConfig if the configuration cannot be used at all: a storage is nil or has a
// name that no file can have, or Parallel is out of range.
func New(cfg *Config, opts ...Option) (*Keeper, error) {
	if cfg == nil {
		return nil, fmt.Errorf("%w: none is given", rwm.ErrConfig)
	}
	if err := cfg.usable(); err != nil {
		return nil, err
	}
	k := &Keeper{cfg: cfg, state: stateDir(cfg.stateDir()), now: time.Now, log: slog.New(slog.DiscardHandler)}
	for i, opt := range opts {
		if opt == nil {
			return nil, fmt.Errorf("option %d is nil", i+1)
		}
		opt(k)
	}
	if k.now == nil {
		k.now = time.Now
	}
	if k.log == nil {
		k.log = slog.New(slog.DiscardHandler)
	}
	if k.base == nil {
		transport, err := rwm.NewTransport()
		if err != nil {
			return nil, err
		}
		k.base = transport
	}
	if k.open == nil {
		k.open = func(ctx context.Context, _ string, cfg *StorageConfig, rt http.RoundTripper) (Storage, error) {
			return openManaged(ctx, cfg, rt, string(k.state), k.now, k.log)
		}
	}
	return k, nil
}

// made returns the Keeper itself, or one without storages where it is nil or was not
// made by New.
func (k *Keeper) made() *Keeper {
	if k != nil && k.cfg != nil {
		return k
	}
	return &Keeper{cfg: &Config{StateDir: os.DevNull}, state: os.DevNull, now: time.Now, log: slog.New(slog.DiscardHandler)}
}

func (c *Config) stateDir() string {
	if c.StateDir != "" {
		return c.StateDir
	}
	// systemd lists several, separated by colons.
	if dir, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); dir != "" {
		return dir
	}
	return "/var/lib/rwm-keeper"
}

// Event reports the progress of a pass: TaskStarted, TaskFinished or StorageFinished.
type Event interface{ event() }

// TaskStarted reports that a task begins.
type TaskStarted struct {
	Storage string
	Task    Task
}

// TaskFinished reports the outcome of a task.
type TaskFinished struct {
	Storage  string
	Task     Task
	Outcome  Outcome
	Text     string
	Duration time.Duration
}

// StorageFinished reports the end of a pass over a storage. It comes once for each.
type StorageFinished struct{ Status *Status }

func (TaskStarted) event()     {}
func (TaskFinished) event()    {}
func (StorageFinished) event() {}

func (k *Keeper) emit(e Event) { k.events.Emit(e) }

// names are the storages asked for, each once; all without any.
func (k *Keeper) names(asked []string) ([]string, error) {
	if len(asked) == 0 {
		return slices.Sorted(maps.Keys(k.cfg.Storages)), nil
	}
	var names []string
	for _, name := range asked {
		if k.cfg.Storages[name] == nil {
			return nil, fmt.Errorf("%w: %q; the configuration has %s", ErrUnknownStorage, name,
				strings.Join(slices.Sorted(maps.Keys(k.cfg.Storages)), ", "))
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// Status describes the storages as earlier passes found them. It sends nothing. Without
// names it includes storages that are no longer in the configuration, if they have
// alarms that nobody has acknowledged.
func (k *Keeper) Status(names ...string) ([]*Status, error) {
	k = k.made()
	asked := len(names) > 0
	names, err := k.names(names)
	if err != nil {
		return nil, err
	}
	known, err := k.recall(names)
	if err != nil {
		return nil, err
	}
	var all []*Status
	for _, name := range names {
		all = append(all, k.status(name, known[name]))
	}
	if !asked {
		all = append(all, k.orphans()...)
	}
	return all, nil
}

func (k *Keeper) status(name string, r *record) *Status {
	return status(name, k.cfg.Storages[name], k.cfg.AdminConfig, k.cfg.named(), r, k.now())
}

// named is how the commands in messages name the configuration. A systemd unit gets a
// copy of it that people do not see.
func (c *Config) named() string {
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" && filepath.Dir(c.path) == filepath.Clean(dir) {
		return "/etc/rwm/" + filepath.Base(c.path)
	}
	return c.path
}

// Acknowledge records that a person has looked at an alarm of a storage: one by its ID,
// "history" for the marks of the history, "settings" for changed settings of the
// bucket, "state" for a state of earlier passes that was lost, or "all". The alarm no
// longer makes the storage red, and the tasks that it froze resume. by and note are
// kept with the alarm.
func (k *Keeper) Acknowledge(storage, alarm, by, note string) error {
	k = k.made()
	unlock, err := k.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := k.settle(); err != nil {
		return err
	}
	var r *record
	if _, err = k.names([]string{storage}); err == nil {
		r, err = k.state.load(storage, k.cfg.Storages[storage], k.now())
	} else if slices.ContainsFunc(k.orphans(), func(s *Status) bool { return s.Storage == storage }) {
		r, err = k.state.read(storage)
	}
	if err != nil {
		return err
	}
	found := false
	// The next reason of the same kind is news again, even if it comes before the next
	// pass.
	acknowledged := func(code string) {
		found = true
		r.Told = r.Told.without(code)
	}
	for _, a := range r.open() {
		if alarm == a.ID || alarm == "all" {
			a.Acked = &Ack{k.now(), by, note}
			acknowledged("alarm-" + a.ID)
		}
	}
	marks := r.unreviewed()
	past := slices.DeleteFunc(slices.Clone(marks), func(m Mark) bool { return m.Time.After(k.now().Add(ahead.Most)) })
	if len(past) > 0 && (alarm == "history" || alarm == "all") {
		r.Review.Until = past[len(past)-1].Time
		acknowledged("history")
		r.JudgedFor = "" // the last good moment may be a later one now
	}
	if marks := r.changedSettings(); len(marks) > 0 && (alarm == "settings" || alarm == "all") {
		r.Review.SettingsUntil, r.LockAccepted = marks[len(marks)-1].Time, true
		acknowledged("settings")
	}
	if r.Weakened != "" && (alarm == "settings" || alarm == "all") {
		r.LockAccepted = true
		acknowledged(string(TaskRenew))
	}
	if !r.Lost.IsZero() && (alarm == "state" || alarm == "all") {
		r.Lost = time.Time{}
		acknowledged("state-lost")
	}
	if !found && len(marks) > 0 && (alarm == "history" || alarm == "all") {
		return fmt.Errorf("storage %s: the server dates what its history shows at %s: acknowledged, that would cover all that happens until then; find out which clock is wrong",
			storage, marks[0].Time.UTC().Format(time.RFC3339))
	}
	if !found {
		return fmt.Errorf("storage %s: %w: %q; `rwm keep status` lists what is open", storage, ErrUnknownAlarm, alarm)
	}
	return k.state.save(storage, r, true)
}

// lock takes the state directory for this process.
func (k *Keeper) lock() (unlock func(), err error) {
	if err := os.MkdirAll(string(k.state), 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	l := flock.New(filepath.Join(string(k.state), "lock"))
	got, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	if !got {
		return nil, fmt.Errorf("%w: %s is locked", ErrPassRunning, l.Path())
	}
	if err := likeDirectory(l.Path(), string(k.state)); err != nil {
		k.log.Debug("owner of the lock file", "error", err)
	}
	return func() { _ = l.Close() }, nil
}
