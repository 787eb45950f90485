package main

import (
	"errors"
	"io"
	"net/http"
	"os"
	"runtime/debug"

	"github.com/alecthomas/kong"

	_ "github.com/cesnet/rwm/cmd/rwm/internal/lategc"
	"github.com/cesnet/rwm/keeper/notify"
)

func main() {
	http.DefaultClient.CheckRedirect = notify.CheckRedirect
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program: it returns the exit code instead of ending the
// process, so that deferred work (unlocking above all) is always done.
func run(args []string, stdin *os.File, stdout, stderr *os.File) int {
	a := newApp(stdin, stdout, stderr)
	ctx, stop := interruptible(a.interrupted)
	defer stop(nil)
	a.ctx, a.written.stop, a.args = ctx, stop, args
	a.written.file, a.stderr.Writer = ending(ctx, stdout), ending(ctx, stderr)

	parser, err := newParser(&a.cli, a.stdout, stderr)
	if err != nil {
		panic(err) // a mistake in a command's struct tags
	}
	completeAndExit(parser)

	if len(args) == 0 {
		args = []string{"--help"}
	}
	code, err := a.written.result(a.parseAndRun(parser, args))
	if err != nil {
		a.printFailure(err, code)
	}
	return code
}

// helpShown carries kong's request to end the program out of the parser.
type helpShown struct{ code int }

func (a *app) parseAndRun(parser *kong.Kong, args []string) (code int, err error) {
	defer func() {
		if r := recover(); r != nil {
			shown, ok := r.(helpShown)
			if !ok {
				panic(r)
			}
			code, err = shown.code, nil
		}
	}()
	a.usageCode = usageCode(args)
	a.cli.JSON = has(args, "--json") // for what is wrong with the others
	a.wantsJSON.Store(a.cli.JSON)
	ordered, err := orderArgs(parser.Model.Node, args)
	if err != nil {
		return a.usageCode, err
	}
	kctx, err := parser.Parse(ordered)
	if err != nil {
		err = usageError{err}
		return a.exitCode(err), err // the help may have been too long for its reader
	}
	if a.asked = a.cli.Config != ""; !a.asked {
		a.cli.Config = defaultConfig
	}
	if a.cli.Verbose > 0 && a.cli.Quiet {
		return a.usageCode, usageError{errors.New("--quiet and --verbose cannot be used together")}
	}
	a.wantsJSON.Store(a.cli.JSON)
	a.start()
	if err = errors.Join(a.checkPast(kctx), a.checkNoLock(kctx)); err != nil {
		return a.usageCode, err
	}
	// Backups allocate and drop large buffers all the time; restic's CLI halves the
	// garbage collector's target too, unless the user has set it.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	if err = a.applyFeatures(); err == nil {
		err = kctx.Run(a, parser)
	}
	if err == nil {
		err = a.ctx.Err()
	}
	return a.exitCode(err), err
}

func newParser(c *cli, stdout io.Writer, stderr io.Writer) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("rwm"),
		kong.Description(description),
		kong.Writers(stdout, stderr),
		kong.WithHyphenPrefixedParameters(true),
		kong.Help(printHelp),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.Exit(func(code int) { panic(helpShown{code}) }),
	)
}

func has(args []string, flag string) bool {
	for _, arg := range args {
		if arg == "--" {
			return false
		}
		if arg == flag {
			return true
		}
	}
	return false
}

// version is set by the linker: -ldflags "-X main.version=…".
var version = ""

func versionNumber() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
