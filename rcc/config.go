package rcc

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/rclone/rclone/fs/config"
	"github.com/rclone/rclone/fs/config/obscure"
)

// Config describes where the encrypted files are stored.
//
// The equivalent rclone.conf, in which the password has to be obscured (`rclone
// obscure`):
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

	TLS TLS
	// Protected are buckets of which no version may be destroyed, as rclone's purge
	// does: policed ones, for instance.
	Protected []string
}

// TLS configures how the server's certificate is verified, and the client certificate.
// rclone's own flags and environment variables take precedence.
type TLS struct {
	CACerts    []string // PEM files, instead of the system's
	ClientCert string   // PEM file with a certificate and its key
	Insecure   bool     // no check
	UserAgent  string
}

// environment is what rclone reads the settings from when it defines its flags.
func (t TLS) environment() map[string]string {
	env := map[string]string{}
	if len(t.CACerts) > 0 {
		quoted := make([]string, len(t.CACerts))
		for i, file := range t.CACerts {
			quoted[i] = `"` + strings.ReplaceAll(file, `"`, `""`) + `"` // rclone reads it as CSV
		}
		env["RCLONE_CA_CERT"] = strings.Join(quoted, ",")
	}
	if t.ClientCert != "" {
		env["RCLONE_CLIENT_CERT"], env["RCLONE_CLIENT_KEY"] = t.ClientCert, t.ClientCert
	}
	if t.Insecure {
		env["RCLONE_NO_CHECK_CERTIFICATE"] = "true"
	}
	if t.UserAgent != "" {
		env["RCLONE_USER_AGENT"] = t.UserAgent
	}
	return env
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
