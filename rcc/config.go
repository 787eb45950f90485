package rcc

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/rclone/rclone/fs/config"
	"github.com/rclone/rclone/fs/config/obscure"
)

// Config says where the encrypted files are.
//
// The same in a rclone.conf, where the password has to be obscured (`rclone obscure`):
//
//	[rwms3]
//	type = s3
//	provider = Other
//	endpoint = …
//	access_key_id = …
//	secret_access_key = …
//
//	[rwmbe]
//	type = crypt
//	remote = rwms3:BUCKET
//	password = …
type Config struct {
	Endpoint             string // URL with scheme; addressed path style
	AccessKey, SecretKey string
	Region               string // "" is us-east-1
	Bucket               string
	Password             string // in clear; there is no second password
}

const (
	// Remote is the name of the encrypted remote, as used in arguments: "rwmbe:/dir".
	Remote = "rwmbe"

	store = "rwms3"
)

func (c Config) check() error {
	u, err := url.Parse(c.Endpoint)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("endpoint %q is not a URL with http:// or https://", c.Endpoint)
	case c.AccessKey == "" || c.SecretKey == "":
		return errors.New("the access key or the secret key is empty")
	case c.Bucket == "":
		return errors.New("no bucket for encrypted files is configured")
	case c.Password == "":
		return errors.New("no password for encrypted files is configured")
	}
	return nil
}

// install makes the two remotes rclone's whole configuration, in memory.
func (c Config) install() error {
	password, err := obscure.Obscure(c.Password)
	if err != nil {
		return fmt.Errorf("obscure the password: %w", err)
	}
	region := c.Region
	if region == "" {
		region = "us-east-1"
	}
	if err := config.SetConfigPath(""); err != nil { // "" is memory
		return err
	}
	set := func(section string, keyValues ...string) {
		for i := 0; i < len(keyValues); i += 2 {
			config.FileSetValue(section, keyValues[i], keyValues[i+1])
		}
	}
	set(store,
		"type", "s3",
		"provider", "Other", // path style, nothing assumed
		"endpoint", c.Endpoint,
		"region", region,
		"access_key_id", c.AccessKey,
		"secret_access_key", c.SecretKey,
		// Proxies rewrite the header; a signature over it would then be wrong.
		"sign_accept_encoding", "false",
	)
	set(Remote,
		"type", "crypt",
		"remote", store+":"+c.Bucket,
		"password", password,
	)
	return nil
}
