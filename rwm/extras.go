package rwm

import (
	"errors"
	"slices"

	"github.com/cesnet/rwm/internal/resticflags"
	"github.com/cesnet/rwm/restic"
)

// parseExtras reads extra `restic backup` arguments with the flags the command
// line has, and refuses those that have no place in a configured backup.
func parseExtras(lists ...[]string) (*resticflags.BackupArgs, error) {
	args, err := resticflags.ParseBackup(slices.Concat(lists...))
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
	opts, err := args.SessionOptions()
	if err != nil {
		return nil, err
	}
	return args, restic.ValidateOptions(opts...)
}
