package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/rcc"
	"github.com/cesnet/rwm/rwm"
)

type rccCmd struct {
	Args []string `arg:"" optional:"" help:"Arguments of rclone."`
}

func (rccCmd) Help() string {
	return `The remote rwmbe: is encrypted: rclone's crypt over the bucket rcc_crypt_bucket with the
password rcc_crypt_password of the configuration. The commands and flags are rclone's;
everything after the word rcc is passed to it unchanged; a leading -- is dropped. rclone
runs in this process: it need not be installed, and none of its configuration files is
read or written.

  rwm rcc sync /data rwmbe:/
  rwm rcc lsl rwmbe:/
  rwm rcc copy rwmbe:/file .
  rwm rcc -- help

A purge of a policed bucket is refused. The certificates are those of the other
commands: RESTIC_CACERT, or --cacert in backup_extras. For rclone's own help: rwm rcc --
help.

The exit code is rclone's: 3 and 4 directory or file not found, 5 a temporary error. It
is 1 if the output could not be written, on a full disk for instance.`
}

func (c rccCmd) Run(a *app) error {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	if err := cfg.Validate(); err != nil {
		return err
	}
	if cfg.RCCCryptBucket == "" || cfg.RCCCryptPassword == "" {
		return usageError{errors.New("rcc needs rcc_crypt_bucket and rcc_crypt_password in the configuration")}
	}
	http := a.httpFlags(cfg)
	config := rcc.Config{
		Endpoint: cfg.S3EndpointURL, AccessKey: cfg.S3AccessKey, SecretKey: cfg.S3SecretKey,
		Region: region, Bucket: cfg.RCCCryptBucket, Password: cfg.RCCCryptPassword,
		TLS: rcc.TLS{CACerts: http.Cacert, ClientCert: http.TLSClientCert, Insecure: http.InsecureTLS, UserAgent: http.HTTPUserAgent},
	}
	if err := a.prepareRCC(&config, cfg, c.Args); err != nil {
		return err
	}
	err = rcc.Run(a.ctx, config, c.Args)
	if errors.Is(err, rcc.ErrUsage) || errors.Is(err, rcc.ErrProtected) {
		return usageError{err}
	}
	return err
}

// prepareRCC finds out whether the server can be reached at all, over which rclone
// retries for minutes without a word, and which buckets no purge may empty.
func (a *app) prepareRCC(config *rcc.Config, cfg *rwm.Config, args []string) error {
	if len(args) == 0 || slices.Contains([]string{"help", "version", "--version"}, args[0]) || has(args, "--help") || hasCertificateFlag(args) {
		return nil
	}
	m, err := a.managerOf(cfg, nil)
	if err != nil {
		return err
	}
	_, err = m.Client().BucketExists(a.ctx, config.Bucket)
	switch {
	case err == nil || minio.ToErrorResponse(err).StatusCode != 0: // the server has answered
	case a.ctx.Err() != nil:
		return err
	case a.observed.LastFailure() == nil: // it was not asked
		return usageError{fmt.Errorf("rcc_crypt_bucket: %s: %w", config.Bucket, err)}
	default:
		return fmt.Errorf("%s cannot be reached; nothing was done: %w", cfg.S3EndpointURL, err)
	}
	// rclone signs for the region that it is told. The client knows it by now; where it
	// does not, because the bucket is not there for instance, us-east-1 is what is left.
	if location, err := m.Client().GetBucketLocation(a.ctx, config.Bucket); err == nil {
		config.Region = location
	}
	for _, bucket := range config.Purges(args) {
		check, err := m.Storage().CheckPolicy(a.ctx, bucket)
		if err == nil && check.Admin != "" && check.Target != "" {
			config.Protected = append(config.Protected, bucket)
		}
	}
	return nil
}

// hasCertificateFlag reports whether rclone is told itself how to reach the server.
func hasCertificateFlag(args []string) bool {
	return slices.ContainsFunc(args, func(arg string) bool {
		return strings.HasPrefix(arg, "--ca-cert") || strings.HasPrefix(arg, "--no-check-certificate") || strings.HasPrefix(arg, "--client-cert")
	})
}
