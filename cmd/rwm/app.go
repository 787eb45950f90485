package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"

	"github.com/cesnet/rwm/internal/redact"
	"github.com/cesnet/rwm/internal/resticflags"
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
	args           []string     // the command line
	loaded         *rwm.Config  // by config; nil before
	connected      *rwm.Manager // by managerOf, the last one; nil before
	observed       *rwm.ObservedTransport
	plain          *plainLines    // stderr, line by line
	written        *output        // what is below stdout
	wantsJSON      atomic.Bool    // cli.JSON for the goroutine of the signals
	usageCode      int            // exit code for a wrong command line
	asked          bool           // for the configuration file, with --config
	reach          resticflags.S3 // of -o s3.…, for the configured repository
	creating       bool           // a repository is made: its password is new
	floor          []byte         // by raiseFloor
}

func newApp(stdin, stdout, stderr *os.File) *app {
	a := &app{stdin: stdin, written: &output{file: stdout}, bar: &bar{
		out:      stderr,
		terminal: term.IsTerminal(int(stderr.Fd())),
		asked:    progressSignal(),
	}}
	a.stdout = newStream(stdout, a.written, a.bar)
	a.stderr = newStream(stderr, stderr, a.bar)
	a.plain = &plainLines{w: a.stderr}
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
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: redacted}))
}

// redacted keeps secrets that an error or a URL may hold out of the log.
func redacted(_ []string, attr slog.Attr) slog.Attr {
	switch v := attr.Value.Resolve(); v.Kind() {
	case slog.KindString:
		attr.Value = slog.StringValue(redact.Text(v.String()))
	case slog.KindAny:
		switch x := v.Any().(type) {
		case error:
			attr.Value = slog.StringValue(redact.Text(x.Error()))
		case fmt.Stringer:
			attr.Value = slog.StringValue(redact.Text(x.String()))
		case *slog.Source, nil:
		default:
			attr.Value = slog.StringValue(redact.Text(fmt.Sprintf("%+v", x)))
		}
	}
	return attr
}

// errNoConfig marks the error of a configuration file that is not there.
var errNoConfig = markError{}

// markError adds nothing to a message.
type markError struct{}

func (markError) Error() string { return "" }

// config reads the configuration file and the secrets it points to, once: the file may
// be a pipe. Every caller gets a copy of its own.
func (a *app) config() (*rwm.Config, error) {
	if a.loaded == nil {
		cfg, err := rwm.ReadConfig(a.ctx, a.cli.Config)
		if _, missing := os.Stat(a.cli.Config); err != nil && errors.Is(missing, os.ErrNotExist) {
			return nil, fmt.Errorf("%w%w", err, errNoConfig)
		}
		if err != nil {
			return nil, err
		}
		_, stderr := a.hookOutput()
		err = cfg.ReadSecrets(a.ctx, stderr)
		a.plain.end()
		if err != nil {
			return nil, err
		}
		a.loaded = cfg
	}
	cfg := *a.loaded
	return &cfg, nil
}

// optionalConfig is for what can do without: without a file it is empty, unless
// the file was asked for.
func (a *app) optionalConfig() (*rwm.Config, error) {
	if _, err := os.Stat(a.cli.Config); errors.Is(err, os.ErrNotExist) && !a.asked {
		return &rwm.Config{}, nil
	}
	return a.config()
}

// manager makes the manager of the configuration. events may be nil.
func (a *app) manager(events func(rwm.Event), more ...rwm.Option) (*rwm.Manager, error) {
	cfg, err := a.config()
	if err != nil {
		return nil, err
	}
	return a.managerOf(cfg, events, more...)
}

func (a *app) managerOf(cfg *rwm.Config, events func(rwm.Event), more ...rwm.Option) (*rwm.Manager, error) {
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
	opts := append([]rwm.Option{
		rwm.WithLogger(a.logger()), rwm.WithTransport(transport), rwm.WithOutput(a.hookOutput()), rwm.WithEvents(events),
		rwm.WithSessionOptions(userLocks()),
	}, more...)
	if file, err := rwm.ReviewsFile(); err == nil { // else there is no home
		opts = append(opts, rwm.WithReviews(file))
	}
	if a.reach != (resticflags.S3{}) {
		client, err := configuredClient(cfg, transport, a.reach)
		if err != nil {
			return nil, err
		}
		opts = append(opts, rwm.WithClient(client))
	}
	a.connected, err = rwm.New(cfg, opts...)
	return a.connected, err
}

func (a *app) onWarning(event rwm.Event) {
	switch event := event.(type) {
	case rwm.Warning:
		a.warning(event.Text)
	case rwm.RepositoryEvent:
		a.onEvent(event.Event)
	}
}

// hookOutput is where the output of hooks goes: with --json standard output is
// for JSON only, and standard error for JSON and plain lines.
func (a *app) hookOutput() (stdout, stderr io.Writer) {
	if a.cli.JSON {
		return a.plain, a.plain
	}
	return a.stdout, a.stderr
}

// requireS3 is for commands that use the configuration without a manager.
func requireS3(cfg *rwm.Config) error { return cfg.Validate() }
