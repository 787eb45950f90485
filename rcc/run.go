package rcc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/rclone/rclone/cmd"
	"github.com/rclone/rclone/lib/atexit"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cesnet/rwm/rcc/internal/noconfig"
)

// ErrUsage is wrapped by errors about arguments that rclone accepts but this package
// does not.
var ErrUsage = errors.New("not available in rwm rcc")

// ErrProtected is wrapped by the error for purging a bucket that [Config.Protected]
// lists.
var ErrProtected = errors.New("the bucket is protected from purging")

// Purges lists the buckets in which a command line would destroy versions: a purge
// always does, and so does deleting with --s3-versions.
func (c Config) Purges(args []string) (buckets []string) {
	versions := os.Getenv("RCLONE_S3_VERSIONS") != "" || slices.ContainsFunc(args, func(arg string) bool {
		return strings.HasPrefix(arg, "--s3-version") || strings.Contains(arg, ",version")
	})
	deletes := versions && slices.ContainsFunc(args, func(arg string) bool { return slices.Contains(deleting, arg) })
	if !slices.Contains(args, "purge") && !deletes {
		return nil
	}
	for _, arg := range args {
		remote, path, _ := strings.Cut(arg, ":")
		remote, _, _ = strings.Cut(remote, ",") // settings may follow
		bucket, _, _ := strings.Cut(strings.Trim(path, "/"), "/")
		switch {
		case remote == Remote:
			buckets = append(buckets, c.Bucket)
		case remote == store && bucket != "":
			buckets = append(buckets, bucket)
		}
	}
	return buckets
}

// deleting are the commands that remove what they find at a remote.
var deleting = []string{"bisync", "cleanup", "delete", "deletefile", "move", "moveto", "rmdir", "rmdirs", "sync"}

// ExitInterrupted is the exit code after ctx was done.
const ExitInterrupted = 130

func init() { noconfig.Undo() }

// Run runs a command line of rclone, given without the program's name, e.g. "sync",
// "/data", "rwmbe:/". Output goes to standard output and standard error as it comes.
//
// It returns an error only if nothing was started. Otherwise it ends the process with
// rclone's exit code (0 success, 1 error, 2 usage, 3 directory not found, 4 file not
// found, 5 a temporary error that retries may fix, 6 and 7 errors that they will not, 8
// and 10 a limit was reached, 9 nothing to transfer), with [ExitInterrupted] after ctx
// is done and partial files are removed, or with [ExitOutput] or [ExitBrokenPipe] if
// part of the output could not be written. It returns nil after commands that only
// print help.
func Run(ctx context.Context, c Config, args []string) error {
	if err := c.check(); err != nil {
		return err
	}
	if err := checkCommand(args); err != nil {
		return err
	}
	for _, bucket := range c.Purges(args) {
		if slices.Contains(c.Protected, bucket) {
			return fmt.Errorf("bucket %s: %w, which destroys the versions too; `rwm rcc delete` removes files and keeps their versions, `rwm storage-delete BUCKET` the whole bucket", bucket, ErrProtected)
		}
	}
	cleanEnvironment()
	for name, value := range c.TLS.environment() {
		if _, set := os.LookupEnv(name); !set {
			os.Setenv(name, value) //nolint:errcheck // a valid name
		}
	}
	if err := c.install(); err != nil {
		return err
	}
	// One owner of the signals: the maker of ctx.
	atexit.IgnoreSignals()
	out, err := watchOutput()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() {
		if out != nil {
			out.interrupt()
		}
		atexit.Run()
		os.Exit(ExitInterrupted)
	})
	defer stop()
	cobra.OnInitialize(refuseConfigFile)
	cmd.Root.CompletionOptions.DisableDefaultCmd = true
	cmd.Root.SetArgs(args)
	cmd.Main()
	out.finish()
	return nil
}

// checkCommand refuses a command of rclone that is not linked. If flags come first,
// rclone says the same less helpfully.
func checkCommand(args []string) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") || args[0] == "help" {
		return nil
	}
	var known []string
	for _, command := range cmd.Root.Commands() {
		if command.Name() == args[0] || command.HasAlias(args[0]) {
			return nil
		}
		known = append(known, command.Name())
	}
	slices.Sort(known)
	return fmt.Errorf("%q: %w; there are %s", args[0], ErrUsage, strings.Join(known, ", "))
}

// refuseConfigFile is called when the flags are known: with a file of the user's,
// the remotes would be those of that file.
func refuseConfigFile() {
	for _, name := range []string{"config", "password-command"} {
		if f := pflag.Lookup(name); f != nil && f.Changed {
			fmt.Fprintf(os.Stderr, "rwm rcc: --%s: there is no rclone configuration file here; the remote %s: is that of rwm's configuration\n", name, Remote)
			os.Exit(2)
		}
	}
}

// cleanEnvironment drops the settings for another rclone that would come before the
// configured ones, and could send the credentials elsewhere. All others, such as
// RCLONE_BWLIMIT, stay.
func cleanEnvironment() {
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "RCLONE_CONFIG") || slices.Contains(overriding, name) {
			os.Unsetenv(name) //nolint:errcheck // it came from the environment
		}
	}
}

var overriding = []string{
	"RCLONE_S3_ENDPOINT", "RCLONE_S3_ACCESS_KEY_ID", "RCLONE_S3_SECRET_ACCESS_KEY",
	"RCLONE_S3_SESSION_TOKEN", "RCLONE_S3_ENV_AUTH", "RCLONE_S3_PROFILE", "RCLONE_S3_PROVIDER",
	"RCLONE_CRYPT_REMOTE", "RCLONE_CRYPT_PASSWORD", "RCLONE_PASSWORD_COMMAND",
}
