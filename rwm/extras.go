package rwm

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/cesnet/rwm/internal/resticflags"
	"github.com/cesnet/rwm/restic"
)

// parseExtras reads extra `restic backup` arguments with the flags the command
// line has, and refuses those that have no place in a configured backup.
func parseExtras(lists ...[]string) (*resticflags.BackupArgs, error) {
	return parseExtrasIn(os.Getenv, lists...)
}

func parseExtrasIn(env resticflags.Env, lists ...[]string) (*resticflags.BackupArgs, error) {
	args, err := resticflags.ParseBackupIn(env, slices.Concat(lists...))
	if err != nil {
		return nil, err
	}
	switch {
	case args.Repo != "" || args.RepositoryFile != "":
		return nil, errors.New("--repo and --repository-file cannot be used here: the repository is the configured one")
	case args.PasswordFile != "" || args.PasswordCommand != "" || args.InsecureNoPassword:
		return nil, errors.New("password options cannot be used here: the password is the configured one")
	case args.Stdin || args.StdinFromCommand:
		return nil, errors.New("--stdin and --stdin-from-command cannot be used here: a configured backup has no standard input and names its files")
	case slices.Contains(slices.Concat(args.FilesFrom, args.FilesFromVerbatim, args.FilesFromRaw), "-"):
		return nil, errors.New("--files-from… - cannot be used here: a configured backup has no standard input")
	case args.NoLock:
		return nil, errors.New("--no-lock cannot be used here: a backup writes")
	}
	if err := args.Check(); err != nil {
		return nil, err
	}
	access := args.Access
	s3, err := access.TakeS3()
	if err == nil && s3.Anonymous {
		err = errors.New("-o s3.unsafe-anonymous-auth cannot be used here: a backup writes")
	}
	if err != nil {
		return nil, err
	}
	opts, err := access.SessionOptions()
	if err != nil {
		return nil, err
	}
	return args, restic.ValidateOptions(opts...)
}

// checkVariables returns an error if arguments that are right by themselves are not so
// with the environment variables that stand for flags.
func checkVariables(lists ...[]string) error {
	_, err := parseExtras(lists...)
	if err == nil {
		return nil
	}
	if _, alone := parseExtrasIn(resticflags.NoEnv, lists...); alone != nil {
		return nil //nolint:nilerr // reported for the list
	}
	for _, name := range resticflags.Variables() {
		only := func(variable string) string {
			if variable == name {
				return os.Getenv(name)
			}
			return ""
		}
		if _, err := parseExtrasIn(only, lists...); err != nil {
			text := strings.TrimPrefix(err.Error(), "$"+name+": ")
			return &ConfigError{Msg: fmt.Sprintf("environment variable %s: %s", name, text)}
		}
	}
	return &ConfigError{Msg: fmt.Sprintf("environment variables %s: %v", strings.Join(resticflags.Variables(), ", "), err)}
}

// clientFlags are what the extra arguments say about the client, which all backups
// share.
func (c *Config) clientFlags(env resticflags.Env) (flags resticflags.Client, err error) {
	if flags, err = resticflags.ParseClient(env, c.BackupExtras); err != nil {
		return flags, c.source.at("backup_extras", "%s", err)
	}
	var each [][]string
	for _, name := range c.BackupNames() {
		each = append(each, c.Backups[name].Extras)
		if flags, err = resticflags.ParseClient(env, c.BackupExtras, each...); err != nil {
			return flags, c.source.at("backups."+name+".extras", "%s", err)
		}
	}
	return flags, nil
}
