package main

import (
	"errors"

	"github.com/cesnet/rwm/rcc"
)

type rccCmd struct {
	Args []string `arg:"" optional:"" help:"Arguments of rclone."`
}

func (rccCmd) Help() string {
	return `The remote rwmbe: is encrypted: rclone's crypt over the bucket rcc_crypt_bucket with the password rcc_crypt_password of the configuration. The commands and flags are rclone's; everything after the word rcc goes to it as it is, a first -- is dropped. It runs in this process: no rclone needs to be installed, none of its configuration files is read or written.

  rwm rcc sync /data rwmbe:/
  rwm rcc lsl rwmbe:/
  rwm rcc copy rwmbe:/file .
  rwm rcc -- help

The exit code is rclone's: 3 and 4 directory or file not found, 5 a temporary error.`
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
	err = rcc.Run(a.ctx, rcc.Config{
		Endpoint: cfg.S3EndpointURL, AccessKey: cfg.S3AccessKey, SecretKey: cfg.S3SecretKey,
		Region: region, Bucket: cfg.RCCCryptBucket, Password: cfg.RCCCryptPassword,
	}, c.Args)
	if errors.Is(err, rcc.ErrUsage) {
		return usageError{err}
	}
	return err
}
