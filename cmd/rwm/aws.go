package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/cesnet/rwm/internal/readfile"
	"github.com/cesnet/rwm/rwm"
)

type awsCmd struct {
	Args []string `arg:"" optional:"" help:"Arguments of the AWS CLI."`
}

func (awsCmd) Help() string {
	return `Everything after the word aws is passed to the AWS CLI unchanged; a leading -- is
dropped. The credentials of the configuration reach it through its environment, not its
arguments.

  rwm aws s3 ls s3://backups
  rwm aws s3api list-object-versions --bucket backups --max-items 5
  rwm aws -- s3api --help

The certificates are those of the other commands: RESTIC_CACERT, or --cacert in
backup_extras, unless AWS_CA_BUNDLE is set. The exit code is that of the AWS CLI; it is 1
if its output could not be written, on a full disk for instance.`
}

func (c awsCmd) Run(a *app) error {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	if err := requireS3(cfg); err != nil {
		return err
	}
	program, err := exec.LookPath("aws")
	if err != nil {
		return fmt.Errorf("the AWS CLI is not installed: there is no program aws in $PATH (Debian: apt install awscli)")
	}
	settings, err := writeAWSConfig()
	if err != nil {
		return err
	}
	defer os.Remove(settings) //nolint:errcheck // holds no secret
	// Older versions, such as Debian 12's, do not read the endpoint from the
	// environment: they would send the configured credentials to Amazon.
	args := append([]string{"--endpoint-url", cfg.S3EndpointURL}, c.Args...)
	env := awsEnv(cfg, settings)
	tls := a.httpFlags(cfg)
	if _, set := os.LookupEnv("AWS_CA_BUNDLE"); !set && len(tls.Cacert) > 0 {
		bundle, err := writeBundle(a.ctx, tls.Cacert)
		if err != nil {
			return err
		}
		defer os.Remove(bundle) //nolint:errcheck // certificates are public
		env = append(env, "AWS_CA_BUNDLE="+bundle)
	}
	if tls.InsecureTLS {
		args = append([]string{"--no-verify-ssl"}, args...)
	}
	return a.runProgram(program, args, env)
}

// writeBundle writes the certificates into one file: the AWS CLI accepts only one.
func writeBundle(ctx context.Context, files []string) (string, error) {
	f, err := os.CreateTemp("", "rwm-ca-*.pem")
	if err != nil {
		return "", err
	}
	for _, name := range files {
		pem, readErr := readfile.Read(ctx, name, 0)
		if readErr != nil {
			err = fmt.Errorf("--cacert: %w", readErr)
			break
		}
		_, writeErr := f.Write(append(pem.Content, '\n'))
		err = errors.Join(err, writeErr)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// writeAWSConfig writes what the AWS CLI takes from a file only: path-style
// addressing, which a server without wildcard DNS needs.
func writeAWSConfig() (string, error) {
	f, err := os.CreateTemp("", "rwm-aws-*")
	if err != nil {
		return "", err
	}
	_, err = f.WriteString("[default]\ns3 =\n    addressing_style = path\n")
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name())
	}
	return f.Name(), err
}

// awsEnv is our environment without any AWS setting of the user's, which might
// send the configured credentials elsewhere, and with ours.
func awsEnv(cfg *rwm.Config, settings string) []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, "AWS_") && !strings.HasPrefix(kv, "AWS_CA_BUNDLE=") && !strings.HasPrefix(kv, "AWS_PAGER=")
	})
	return append(env,
		"AWS_ENDPOINT_URL="+cfg.S3EndpointURL,
		"AWS_ACCESS_KEY_ID="+cfg.S3AccessKey,
		"AWS_SECRET_ACCESS_KEY="+cfg.S3SecretKey,
		"AWS_DEFAULT_REGION="+region,
		"AWS_CONFIG_FILE="+settings,
		"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
		// Not every S3 server knows the newer default checksums.
		"AWS_REQUEST_CHECKSUM_CALCULATION=when_required",
		"AWS_RESPONSE_CHECKSUM_VALIDATION=when_required",
	)
}

const region = "us-east-1"

// runProgram runs a program on our own stdin, stdout and stderr. It gets Ctrl-C
// from the terminal itself; a SIGTERM to us is passed on. Output that does not
// go to a terminal passes through here: the AWS CLI exits with 0 on a full disk.
func (a *app) runProgram(path string, args, env []string) error {
	cmd := exec.CommandContext(a.ctx, path, args...)
	cmd.Env = env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.stdin, os.Stdout, os.Stderr
	if !a.stdout.terminal {
		cmd.Stdout = a.written
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	err := cmd.Run()
	if failed := a.written.failure(); failed != nil && !errors.Is(context.Cause(a.ctx), errInterrupted) {
		return failed // the program itself can only say that nobody reads any more
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return &exitError{code: exit.ExitCode()}
	}
	return err
}
