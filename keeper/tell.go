package keeper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cesnet/rwm/internal/plural"
)

// Teller tells people and machines. The package notify has one.
type Teller interface {
	// Tell sends one message about a change of state. An error means that nobody got
	// it, unless it is an *UntoldError.
	Tell(ctx context.Context, c Change) error
	// Ping reports the beginning and the end of a pass.
	Ping(ctx context.Context, p Ping, text string) error
}

// Ping is the kind of message that a watchdog receives.
type Ping string

// The pings: a watchdog that hears neither PingSuccess nor PingFail in time raises an
// alarm of its own, which is how a dead keeper is noticed.
const (
	PingStart   Ping = "start"
	PingSuccess Ping = "success" // the pass was made, and all is green
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
	// Only names the receivers that an earlier pass did not reach; the others know. nil
	// means all.
	Only []string `json:"only,omitempty"`
}

// UntoldError says that some receivers got a message and others did not. The next pass
// sends it to those, and to them only.
type UntoldError struct {
	Left []string // names of receivers, without anything secret
	Err  error
}

func (e *UntoldError) Error() string { return e.Err.Error() }

// Unwrap is for errors.Is.
func (e *UntoldError) Unwrap() error { return e.Err }

// mostUntold bounds the messages that wait for receivers of one storage; the oldest are
// given up first.
const mostUntold = 20

// told is what people know of a storage.
type told struct {
	Green bool     `json:"green"`
	Codes []string `json:"codes,omitempty"`
}

func (t *told) same(o *told) bool {
	return t == o || t != nil && o != nil && t.Green == o.Green && slices.Equal(t.Codes, o.Codes)
}

// change is what to tell about a storage, nil if people know it already. A first pass
// without a finding is no news.
func change(known *told, s *Status) (*Change, *told) {
	now := &told{Green: s.Green}
	c := &Change{Storage: s.Storage, Bucket: s.Bucket, Green: s.Green}
	for _, r := range s.Reds {
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

// tell tells what has changed, one message for each storage, and remembers it. What
// could not be told is told by the next pass.
func (k *Keeper) tell(ctx context.Context, report *Report) error {
	var failed []string
	fail := func(s *Status) func(error) {
		return func(err error) { failed = append(failed, fmt.Sprintf("storage %s: %v", s.Storage, err)) }
	}
	for _, s := range report.Storages {
		r, err := k.state.load(s.Storage, s.Bucket, k.now())
		if err != nil {
			return err
		}
		waited := len(r.Untold)
		r.Untold = k.tellAgain(ctx, r.Untold, fail(s))
		c, now := change(r.Told, s)
		if c != nil {
			report.Changes = append(report.Changes, *c)
			left, err := k.tellOne(ctx, *c)
			if err != nil {
				fail(s)(err)
			}
			if err != nil && left == nil {
				now = r.Told // nobody knows
			} else if left != nil {
				r.Untold = append(r.Untold, *left)
				r.Untold = r.Untold[max(0, len(r.Untold)-mostUntold):]
			}
		}
		if waited == 0 && len(r.Untold) == 0 && now.same(r.Told) {
			continue
		}
		r.Told = now
		if err := k.state.save(s.Storage, r, true); err != nil {
			return err
		}
	}
	report.Untold = strings.Join(failed, "; ")
	return nil
}

// tellOne tells a change. left is what some receivers have still to be told; nil if all
// or none know.
func (k *Keeper) tellOne(ctx context.Context, c Change) (left *Change, err error) {
	if k.teller == nil {
		return nil, nil
	}
	err = k.teller.Tell(ctx, c)
	var some *UntoldError
	if errors.As(err, &some) && len(some.Left) > 0 {
		c.Only = some.Left
		return &c, err
	}
	return nil, err
}

// tellAgain tells receivers what they missed, and returns what they still miss.
func (k *Keeper) tellAgain(ctx context.Context, untold []Change, fail func(error)) (still []Change) {
	for _, c := range untold {
		left, err := k.tellOne(ctx, c)
		if err != nil {
			fail(err)
			if left == nil {
				left = &c
			}
			still = append(still, *left)
		}
	}
	return still
}

func (k *Keeper) ping(ctx context.Context, p Ping, text string) {
	if k.teller == nil {
		return
	}
	if err := k.teller.Ping(ctx, p, text); err != nil {
		k.log.Warn("ping failed", "ping", p, "error", err) // the watchdog will notice
	}
}

// pingEnd reports success only if the pass was made, everything is green, and people
// could be told.
func (k *Keeper) pingEnd(ctx context.Context, r *Report, err error) {
	red := 0
	for _, s := range r.Storages {
		if s == nil || !s.Green {
			red++
		}
	}
	switch {
	case err != nil:
		k.ping(ctx, PingFail, "the pass failed: "+oneLine(err.Error()))
	case r.Untold != "":
		k.ping(ctx, PingFail, "changes could not be told: "+oneLine(r.Untold))
	case red > 0:
		k.ping(ctx, PingFail, fmt.Sprintf("%d of %s %s red", red, plural.Of(len(r.Storages), "storage"), plural.Are(red)))
	default:
		k.ping(ctx, PingSuccess, plural.Of(len(r.Storages), "storage")+" "+plural.Are(len(r.Storages))+" green")
	}
}
