package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"

	"github.com/cesnet/rwm/rwm"
	"golang.org/x/term"
)

// app is what a command is run with.
type app struct {
	cli            cli
	ctx            context.Context
	stdin          *os.File
	stdout, stderr *stream
	bar            *bar
	usageCode      int  // exit code for a wrong command line
	creating       bool // a repository is made: its password is new
}

func newApp(ctx context.Context, stop context.CancelCauseFunc, stdin, stdout, stderr *os.File) *app {
	a := &app{ctx: ctx, stdin: stdin, bar: &bar{
		out:      stderr,
		terminal: term.IsTerminal(int(stderr.Fd())),
		asked:    progressSignal(),
	}}
	a.stdout = newStream(stdout, pipeWriter{stdout, stop}, a.bar)
	a.stderr = newStream(stderr, stderr, a.bar)
	return a
}

// start is called once the flags are known.
func (a *app) start() {
	visible := a.bar.terminal || a.cli.JSON
	a.bar.interval = progressInterval(visible, a.cli.Quiet)
	if a.cli.JSON {
		a.bar.terminal = false
	}
}

// logger writes to stderr with --debug. Without it there is no log: what matters
// comes as an event or an error.
func (a *app) logger() *slog.Logger {
	if !a.cli.Debug {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// config reads the configuration file.
func (a *app) config() (*rwm.Config, error) { return rwm.LoadConfig(a.cli.Config) }

// optionalConfig is for what can do without: without a file it is empty, unless
// the file was asked for.
func (a *app) optionalConfig() (*rwm.Config, error) {
	if _, err := os.Stat(a.cli.Config); errors.Is(err, os.ErrNotExist) && a.cli.Config == defaultConfig {
		return &rwm.Config{}, nil
	}
	return a.config()
}

// manager makes the manager of the configuration. events may be nil.
func (a *app) manager(events func(rwm.Event)) (*rwm.Manager, error) {
	cfg, err := a.config()
	if err != nil {
		return nil, err
	}
	return a.managerOf(cfg, events)
}

func (a *app) managerOf(cfg *rwm.Config, events func(rwm.Event)) (*rwm.Manager, error) {
	if events == nil { // a backup run reports them itself
		for _, text := range cfg.Warnings() {
			a.warning(text)
		}
		events = a.onWarning
	}
	transport, err := a.transport(cfg)
	if err != nil {
		return nil, err
	}
	return rwm.New(cfg, rwm.WithLogger(a.logger()), rwm.WithTransport(transport), rwm.WithOutput(a.hookOutput(), a.stderr), rwm.WithEvents(events))
}

func (a *app) onWarning(event rwm.Event) {
	if w, ok := event.(rwm.Warning); ok {
		a.warning(w.Text)
	}
}

// hookOutput is where the output of hooks goes: with --json standard output is
// for JSON only.
func (a *app) hookOutput() io.Writer {
	if a.cli.JSON {
		return a.stderr
	}
	return a.stdout
}

// requireS3 is for commands that use the configuration without a manager.
func requireS3(cfg *rwm.Config) error { return cfg.Validate() }
