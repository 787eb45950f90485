package keeper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cesnet/rwm/internal/events"
	"github.com/cesnet/rwm/internal/plural"
)

// Teller tells people and machines. The package notify has one.
type Teller interface {
	// Tell sends one message. An error means that nobody got it, unless it is an
	// *UntoldError.
	Tell(ctx context.Context, m Message) error
	// Ping reports the beginning and the end of a pass.
	Ping(ctx context.Context, p Ping, text string) error
}

// Ping is the kind of message that a watchdog receives.
type Ping string

// The pings: a watchdog that hears neither PingSuccess nor PingFail in time raises an
// alarm of its own, which is how a dead keeper is noticed.
const (
	PingStart   Ping = "start"
	PingSuccess Ping = "success" // the pass was made, and all storages are green
	PingFail    Ping = "fail"
)

// Change is a change of a storage's state that people should know about.
type Change struct {
	Storage string `json:"storage"`
	Bucket  string `json:"bucket"`
	Green   bool   `json:"green"`
	// Reds are the new reasons; none if the storage is green again.
	Reds  []Red  `json:"reds,omitempty"`
	Title string `json:"title"`
	Text  string `json:"text"`
}

// UntoldError says that some receivers got a message and others did not. The next pass
// sends it to the others only.
type UntoldError struct {
	Left []string // names of receivers, without anything secret
	Err  error
}

func (e *UntoldError) Error() string {
	if e.Err == nil {
		return "not told: " + strings.Join(e.Left, ", ")
	}
	return e.Err.Error()
}

// Unwrap returns Err.
func (e *UntoldError) Unwrap() error { return e.Err }

// told is what people know about a storage.
type told struct {
	Green bool     `json:"green"`
	Codes []string `json:"codes,omitempty"`
}

func (t *told) same(o *told) bool {
	return t == o || t != nil && o != nil && t.Green == o.Green && slices.Equal(t.Codes, o.Codes)
}

// without is what people know, but for one reason.
func (t *told) without(code string) *told {
	if t == nil {
		return nil
	}
	return &told{t.Green, slices.DeleteFunc(slices.Clone(t.Codes), func(c string) bool { return c == code })}
}

// change returns what to tell about a storage, or nil if people know it already. A
// first pass that finds nothing wrong is no news.
func change(known *told, s *Status) (*Change, *told) {
	now := &told{Green: s.Green}
	c := &Change{Storage: s.Storage, Bucket: s.Bucket, Green: s.Green}
	out := slices.ContainsFunc(s.Reds, func(r Red) bool { return r.Code == "unreachable" })
	for _, r := range s.Reds {
		if out && (r.Code == "no-backup" || strings.HasSuffix(r.Code, "-late")) {
			continue // what follows from an outage is no news
		}
		now.Codes = append(now.Codes, r.Code)
		if known == nil || !slices.Contains(known.Codes, r.Code) {
			c.Reds = append(c.Reds, r)
		}
	}
	switch {
	case s.Green && (known == nil || known.Green):
		return nil, now
	case s.Green:
		c.Title = fmt.Sprintf("RWM: %s is green again", s.Storage)
		c.Text = fmt.Sprintf("Everything due for storage %s (bucket %s) is proved again.", s.Storage, s.Bucket)
	case len(c.Reds) == 0:
		return nil, now
	default:
		c.Title = fmt.Sprintf("RWM: %s is RED", s.Storage)
		var b strings.Builder
		fmt.Fprintf(&b, "Storage %s (bucket %s) is red:\n", s.Storage, s.Bucket)
		for _, r := range c.Reds {
			fmt.Fprintf(&b, "\n- %s\n  To do: %s\n", r.Sentence, r.Command)
		}
		c.Text = b.String()
	}
	return c, now
}

// tell sends all changes in one message, and remembers it. The next pass sends what
// could not be sent.
func (k *Keeper) tell(ctx context.Context, report *Report) error {
	var failed []string
	fail := func(err error) { failed = append(failed, err.Error()) }
	untold := k.state.untold()
	waited := len(untold)
	untold = k.tellAgain(ctx, untold, fail)

	type news struct {
		storage string
		r       *record
		now     *told
		changed bool
	}
	var all []news
	var errs []error
	for _, s := range report.Storages {
		r, err := k.known(s.Storage)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		c, now := change(r.Told, s)
		if c != nil {
			report.Changes = append(report.Changes, *c)
		}
		all = append(all, news{s.Storage, r, now, c != nil})
	}
	nobody := false
	if len(report.Changes) > 0 {
		left, err := k.tellOne(ctx, message(report.Changes))
		if err != nil {
			fail(err)
		}
		if nobody = err != nil && left == nil; left != nil {
			untold = append(untold, *left)
		}
	}
	if waited > 0 || len(untold) > 0 {
		errs = append(errs, k.state.saveUntold(untold))
	}
	for _, n := range all {
		if nobody && n.changed || n.now.same(n.r.Told) {
			continue
		}
		n.r.Told = n.now
		errs = append(errs, k.state.save(n.storage, n.r, true))
	}
	report.Untold = strings.Join(failed, "; ")
	return errors.Join(errs...)
}

// known is the record of a storage, also of one that is no longer in the configuration.
func (k *Keeper) known(storage string) (*record, error) {
	if cfg := k.cfg.Storages[storage]; cfg != nil {
		return k.state.load(storage, cfg, k.now())
	}
	return k.state.read(storage)
}

// tellOne sends a message. left is what some receivers still have to be told; nil if
// all know, or none.
func (k *Keeper) tellOne(ctx context.Context, m Message) (left *Message, err error) {
	if k.teller == nil {
		return nil, nil
	}
	err = events.Try(func() error { return k.teller.Tell(ctx, m) })
	var some *UntoldError
	if errors.As(err, &some) && len(some.Left) > 0 {
		m.Only = some.Left
		return &m, err
	}
	return nil, err
}

// tellAgain tells receivers what they missed, and returns what they still miss.
func (k *Keeper) tellAgain(ctx context.Context, untold []Message, fail func(error)) (still []Message) {
	for _, m := range untold {
		left, err := k.tellOne(ctx, m)
		if err != nil {
			fail(err)
			if left == nil {
				left = &m
			}
			still = append(still, *left)
		}
	}
	return still
}

func (k *Keeper) ping(ctx context.Context, r *Report, p Ping, text string) {
	if k.teller == nil {
		return
	}
	if err := events.Try(func() error { return k.teller.Ping(ctx, p, text) }); err != nil {
		k.log.Warn("ping failed", "ping", p, "error", err)
		r.Unpinged = oneLine(err.Error()) // the watchdog will notice, if it knows of this pass at all
	}
}

// pingEnd reports success only if the pass was made, everything is green, and people
// could be told. some says that the pass was not over all storages: the others are as
// earlier passes found them.
func (k *Keeper) pingEnd(ctx context.Context, r *Report, some bool, err error) {
	all := r.Storages
	if some {
		known, statusErr := k.Status()
		all, err = known, errors.Join(err, statusErr)
	}
	red := 0
	for _, s := range all {
		if s == nil || !s.Green {
			red++
		}
	}
	switch {
	case err != nil:
		k.ping(ctx, r, PingFail, "the pass failed: "+oneLine(err.Error()))
	case r.Untold != "":
		k.ping(ctx, r, PingFail, "changes could not be told: "+oneLine(r.Untold))
	case red > 0:
		k.ping(ctx, r, PingFail, fmt.Sprintf("%d of %s %s red", red, plural.Of(len(all), "storage"), plural.Are(red)))
	default:
		k.ping(ctx, r, PingSuccess, plural.Of(len(all), "storage")+" "+plural.Are(len(all))+" green")
	}
}
