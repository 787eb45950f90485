package resticflags

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cesnet/rwm/internal/suggest"
)

// BackupArgs is a parsed `restic backup` command line without its first two
// words.
type BackupArgs struct {
	Backup
	Global
	Paths []string `arg:"" optional:"" help:"Files and directories to back up."`
}

// ParseBackup reads args as the arguments of `restic backup`, by the rules of
// pflag, which restic itself uses. Nothing is read, printed or exited: files
// named by the flags are opened by [BackupArgs]'s methods later.
func ParseBackup(args []string) (*BackupArgs, error) { return ParseBackupIn(os.Getenv, args) }

// Env gives the value of an environment variable, "" if it is not set.
type Env func(variable string) string

// NoEnv is an empty environment.
func NoEnv(string) string { return "" }

// ParseBackupIn is [ParseBackup] in another environment.
func ParseBackupIn(env Env, args []string) (*BackupArgs, error) {
	var parsed BackupArgs
	set, err := flagSet(&parsed, env)
	if err != nil {
		return nil, fmt.Errorf("flags of restic backup: %w", err)
	}
	if err := set.Parse(args); err != nil {
		return nil, parseError(set.FlagSet, args, err)
	}
	if err := set.badVariable(); err != nil {
		return nil, err
	}
	parsed.Paths = set.Args()
	if parsed.Host == "" {
		parsed.Host = parsed.Hostname
	}
	return &parsed, nil
}

// Variables lists the environment variables that stand for flags of `restic backup`.
func Variables() []string { return variables(reflect.TypeFor[BackupArgs]()) }

func variables(structure reflect.Type) (names []string) {
	for field := range structure.Fields() {
		if field.Anonymous {
			names = append(names, variables(field.Type)...)
		} else if name := field.Tag.Get("env"); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// parseError says what was wrong in the words of the command line.
func parseError(set *pflag.FlagSet, args []string, err error) error {
	var empty emptyError
	if errors.As(err, &empty) {
		return empty
	}
	var unknown *pflag.NotExistError
	switch {
	case errors.Is(err, pflag.ErrHelp):
		err = errors.New("unknown flag --help")
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		err = fmt.Errorf("unknown flag -%s", unknown.GetSpecifiedName())
	case errors.As(err, &unknown):
		var names []string
		set.VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		name := "--" + unknown.GetSpecifiedName()
		err = errors.New("unknown flag " + name)
		if near, ok := suggest.Nearest(name, names); ok {
			err = fmt.Errorf("unknown flag %s, did you mean %q?", name, near)
		}
	}
	oneArgument := func(arg string) bool {
		return strings.HasPrefix(arg, "-") && strings.ContainsAny(arg, " \t") && !strings.Contains(arg, "=")
	}
	if i := slices.IndexFunc(args, oneArgument); i >= 0 {
		return fmt.Errorf("%w (%q is one argument; write a flag and its value as two list items)", err, args[i])
	}
	return err
}

// emptyError names a flag with an empty value that its help gives no meaning to.
type emptyError string

func (e emptyError) Error() string {
	return fmt.Sprintf("--%s is empty: give it a value, or leave it out", string(e))
}
