package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"time"

	"github.com/cesnet/rwm/internal/suggest"
	"github.com/cesnet/rwm/keeper"
	"github.com/cesnet/rwm/keeper/metrics"
	"github.com/cesnet/rwm/keeper/notify"
	keeperpage "github.com/cesnet/rwm/keeper/page"
)

type keepCmd struct {
	What    []string `arg:"" optional:"" name:"what" help:"status, or ack STORAGE ALARM; without either, make a pass."`
	Storage []string `help:"Only this storage; may be repeated." placeholder:"NAME"`
	Explain bool     `help:"Print what will run when, and what it costs a month; do nothing."`
	Every   string   `help:"How often the timer makes a pass, for --explain." placeholder:"DURATION" default:"4h"`
	Note    string   `help:"Note to keep with an acknowledgement." placeholder:"TEXT"`
}

func (keepCmd) Help() string {
	return `Makes one pass over all storages of keeper.conf: does what is due, within the budget,
and tells what has changed. Run it from a timer, on a machine the hosts cannot reach
(packaging/systemd/rwm-keep.timer). See docs/keeper.md.

  rwm keep --config keeper.conf                          one pass
  rwm keep --config keeper.conf --explain                what will run when, and what it costs
  rwm keep --config keeper.conf status                   how the storages are; sends nothing
  rwm keep --config keeper.conf ack web1 renamed-1a2b3c  a person has looked at this alarm
  rwm keep --config keeper.conf ack web1 history         … and at the marks of the history
  rwm keep --config keeper.conf ack web1 settings        … and at changed settings of the bucket
  rwm keep --config keeper.conf ack web1 all             … and at everything that is open

The exit code is 0 if every storage is green, 20 if one is red, and 1, 2 or 11 if the
pass itself failed, the configuration is wrong, or another pass is in progress.`
}

const defaultKeeperConfig = "keeper.conf"

// exitRed says that the pass was made and a storage is red.
const exitRed = 20

func (c keepCmd) Run(a *app) error {
	if err := c.check(); err != nil {
		return err
	}
	path := a.cli.Config
	if !a.asked {
		path = defaultKeeperConfig
	}
	cfg, err := keeper.ReadConfig(a.ctx, path)
	if err != nil {
		return err
	}
	opts := []keeper.Option{keeper.WithLogger(a.logger()), keeper.WithEvents(a.onKeeperEvent)}
	switch {
	case len(c.What) == 0 && c.Explain:
		return c.explain(a, cfg)
	case len(c.What) == 0:
		return c.pass(a, cfg, opts)
	case c.What[0] == "status":
		return c.status(a, cfg)
	}
	return c.ack(a, cfg)
}

// check validates the arguments before anything is read.
func (c keepCmd) check() error {
	words := map[string]int{"status": 1, "ack": 3}
	if len(c.What) == 0 || words[c.What[0]] == len(c.What) {
		return nil
	}
	text := "use rwm keep, rwm keep status, or rwm keep ack STORAGE ALARM"
	if meant, ok := suggest.Nearest(c.What[0], []string{"status", "ack"}); ok && meant != c.What[0] {
		text = fmt.Sprintf("there is no command %q; did you mean: rwm keep %s", c.What[0], meant)
	}
	return usageError{errors.New(text)}
}

func (c keepCmd) pass(a *app, cfg *keeper.Config, opts []keeper.Option) error {
	teller, mute := tellerFor(a.ctx, cfg)
	k, err := keeper.New(cfg, append(opts, keeper.WithTeller(teller))...)
	if err != nil {
		return err
	}
	report, err := k.Pass(a.ctx, c.Storage...)
	if errors.Is(err, keeper.ErrPassRunning) {
		return &exitError{exitLocked, err}
	}
	if report == nil {
		return err
	}
	// The pages and metrics are of all storages, whichever this pass was over.
	all, statusErr := k.Status()
	err = errors.Join(err, statusErr)
	now := time.Now()
	if cfg.StatusPage != "" && statusErr == nil {
		err = errors.Join(err, keeperpage.Write(cfg.StatusPage, all, now, time.Local))
	}
	if cfg.MetricsFile != "" && statusErr == nil {
		whole := *report
		whole.Storages = all
		err = errors.Join(err, metrics.Keeper(cfg.MetricsFile, now, &whole))
	}
	err = errors.Join(err, mute)
	if report.Untold != "" && mute == nil {
		a.warning("not told, the next pass tries again: " + report.Untold)
	}
	if report.Unpinged != "" {
		a.warning("the watchdog was not reached: " + report.Unpinged)
	}
	a.showKeeper(report.Storages, report)
	if err == nil && !report.Green() {
		return &exitError{code: exitRed}
	}
	return err
}

// tellerFor makes the Teller of a configuration. What is wrong with it stops no pass,
// since locks have to be renewed: the Teller then tells nobody, says why, and the
// changes wait.
func tellerFor(ctx context.Context, cfg *keeper.Config) (keeper.Teller, error) {
	urls, ping, err := cfg.TellSecrets(ctx)
	sender, wrong := notify.New(urls, ping)
	if wrong != nil {
		sender, _ = notify.New(nil, "")
		if watchdog, pingErr := notify.New(nil, ping); pingErr == nil {
			sender = watchdog
		}
	}
	if err = errors.Join(err, wrong); err != nil {
		return muteTeller{sender, err}, err
	}
	return sender, nil
}

// muteTeller cannot tell people, only the watchdog.
type muteTeller struct {
	*notify.Sender
	err error
}

func (m muteTeller) Tell(context.Context, keeper.Message) error { return m.err }

func (m muteTeller) Ping(ctx context.Context, p keeper.Ping, text string) error {
	if p == keeper.PingSuccess {
		p, text = keeper.PingFail, "people cannot be told: "+m.err.Error()
	}
	return m.Sender.Ping(ctx, p, text)
}

func (c keepCmd) status(a *app, cfg *keeper.Config) error {
	k, err := keeper.New(cfg)
	if err != nil {
		return err
	}
	all, err := k.Status(c.Storage...)
	if err != nil {
		return err
	}
	a.showKeeper(all, nil)
	for _, s := range all {
		if !s.Green {
			return &exitError{code: exitRed}
		}
	}
	return nil
}

func (c keepCmd) ack(a *app, cfg *keeper.Config) error {
	k, err := keeper.New(cfg)
	if err != nil {
		return err
	}
	by := "unknown"
	if u, err := user.Current(); err == nil {
		by = u.Username
	}
	if err := k.Acknowledge(c.What[1], c.What[2], by, c.Note); err != nil {
		if errors.Is(err, keeper.ErrPassRunning) {
			return &exitError{exitLocked, err}
		}
		return err
	}
	a.say("storage %s: %s is acknowledged", c.What[1], c.What[2])
	return nil
}

func (c keepCmd) explain(a *app, cfg *keeper.Config) error {
	every, err := time.ParseDuration(c.Every)
	if err != nil || every <= 0 {
		return usageError{fmt.Errorf("--every: invalid duration %q: write it like 4h or 30m", c.Every)}
	}
	k, err := keeper.New(cfg)
	if err != nil {
		return err
	}
	plans, err := k.Explain(every, c.Storage...)
	if err != nil {
		return err
	}
	a.showPlans(plans, every)
	return nil
}
