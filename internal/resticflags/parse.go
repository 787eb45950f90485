package resticflags

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// BackupArgs is a parsed `restic backup` command line without its first two
// words.
type BackupArgs struct {
	Backup
	Global
	Paths []string `arg:"" optional:"" help:"Files and directories to back up."`
}

// ParseBackup reads args as the arguments of `restic backup`. Nothing is read,
// printed or exited: files named by the flags are opened by [BackupArgs]'s
// methods later.
func ParseBackup(args []string) (*BackupArgs, error) {
	var parsed BackupArgs
	parser, err := kong.New(&parsed,
		kong.Name("restic backup"),
		kong.NoDefaultHelp(),
		kong.Exit(func(int) {}),
		kong.Writers(io.Discard, io.Discard),
		kong.WithHyphenPrefixedParameters(true),
	)
	if err != nil {
		return nil, fmt.Errorf("flags of restic backup: %w", err)
	}
	args = JoinValues(args, parser.Model.Node)
	var literal []string // what follows "--"
	if i := slices.Index(args, "--"); i >= 0 {
		args, literal = args[:i], args[i+1:]
	}
	if name := emptyFlag(args, parser.Model.Flags); name != "" {
		return nil, fmt.Errorf("--%s is empty: give it a value, or leave it out", name)
	}
	if _, err := parser.Parse(args); err != nil {
		for _, arg := range args {
			if strings.HasPrefix(arg, "-") && strings.ContainsAny(arg, " \t") && !strings.Contains(arg, "=") {
				return nil, fmt.Errorf("%w (%q is one argument; write a flag and its value as two list items)", err, arg)
			}
		}
		return nil, err
	}
	parsed.Paths = append(parsed.Paths, literal...)
	if parsed.Host == "" {
		parsed.Host = parsed.Hostname
	}
	return &parsed, nil
}

// emptyFlag names the first flag with an empty value that its help gives no meaning to.
func emptyFlag(args []string, flags []*kong.Flag) string {
	for _, flag := range flags {
		text := !flag.IsBool() && !flag.IsCounter() && !strings.Contains(flag.Help, "''")
		if text && slices.Contains(args, "--"+flag.Name+"=") {
			return flag.Name
		}
	}
	return ""
}
