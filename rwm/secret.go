package rwm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cesnet/rwm/internal/readfile"
)

// SecretFunc returns a secret when it is needed. Its error must not contain the secret.
type SecretFunc func(ctx context.Context) (string, error)

// maxSecret bounds what is read as a secret.
const maxSecret = 64 << 10

// SecretFile reads a secret from a file, without the final newline and without the byte
// order mark that editors on Windows write. A path that begins with
// $CREDENTIALS_DIRECTORY/ is in systemd's directory of credentials.
func SecretFile(path string) SecretFunc {
	return func(ctx context.Context) (string, error) {
		name, err := expandCredentials(path)
		if err != nil {
			return "", err
		}
		text, err := readfile.Read(ctx, name, maxSecret+1)
		if err != nil {
			return "", err
		}
		return cleanSecret(text.Content)
	}
}

// SecretCommand reads a secret from the output of a shell command, without the final
// newline. The command's standard error goes to stderr, which may be nil.
func SecretCommand(command string, stderr io.Writer) SecretFunc {
	return func(ctx context.Context) (string, error) {
		var out bytes.Buffer
		h := hooks{stdout: &limitedBuffer{&out, maxSecret}, stderr: stderr}
		if err := h.runOne(ctx, "", "secret", command); err != nil {
			if ctx.Err() != nil {
				return "", ctx.Err()
			}
			return "", fmt.Errorf("the command %s failed with return code %d", program(command), hookCode(err))
		}
		return cleanSecret(out.Bytes())
	}
}

// SecretCredential reads the file of that name in $CREDENTIALS_DIRECTORY, where systemd
// puts the credentials that LoadCredential= names.
func SecretCredential(name string) SecretFunc {
	return SecretFile(credentialsPrefix + name)
}

const credentialsPrefix = "$CREDENTIALS_DIRECTORY/"

func expandCredentials(path string) (string, error) {
	rest, ok := strings.CutPrefix(path, credentialsPrefix)
	if !ok {
		if rest, ok = strings.CutPrefix(path, "${CREDENTIALS_DIRECTORY}/"); !ok {
			return path, nil
		}
	}
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return "", errors.New("$CREDENTIALS_DIRECTORY is not set: the service has no LoadCredential=")
	}
	return filepath.Join(dir, rest), nil
}

func cleanSecret(text []byte) (string, error) {
	if len(text) > maxSecret {
		return "", errors.New("it is larger than 64 KiB; this is no secret")
	}
	secret := strings.TrimRight(string(readfile.Text(text)), "\r\n")
	switch {
	case secret == "":
		return "", errors.New("it is empty")
	case strings.ContainsRune(secret, 0):
		return "", errors.New("it contains a NUL byte; this is no text")
	case strings.ContainsAny(secret, "\r\n"):
		return "", errors.New("it has more than one line")
	}
	return secret, nil
}

// limitedBuffer is an error when more than limit bytes are written.
type limitedBuffer struct {
	buffer *bytes.Buffer // not embedded: its ReadFrom knows no limit
	limit  int
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.buffer.Len()+len(p) > b.limit {
		return 0, errors.New("more than a secret")
	}
	return b.buffer.Write(p)
}

// secretKey is one secret of a configuration and the other ways to give it.
type secretKey struct {
	name          string // of the YAML key
	value         *string
	file, command string
	from          SecretFunc
}

func (c *Config) secretKeys() []secretKey {
	return []secretKey{
		{"s3_access_key", &c.S3AccessKey, c.S3AccessKeyFile, c.S3AccessKeyCommand, c.S3AccessKeyFrom},
		{"s3_secret_key", &c.S3SecretKey, c.S3SecretKeyFile, c.S3SecretKeyCommand, c.S3SecretKeyFrom},
		{"restic_password", &c.ResticPassword, c.ResticPasswordFile, c.ResticPasswordCommand, c.ResticPasswordFrom},
		{"rcc_crypt_password", &c.RCCCryptPassword, c.RCCCryptPasswordFile, c.RCCCryptPasswordCommand, c.RCCCryptPasswordFrom},
	}
}

// elsewhere reports whether the secret is given, but not as a value.
func (k secretKey) elsewhere() bool {
	return *k.value == "" && (k.file != "" || k.command != "" || k.from != nil || k.credential() != "")
}

// credential is the path of the systemd credential with the key's name, "" without one.
func (k secretKey) credential() string {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return ""
	}
	path := filepath.Join(dir, k.name)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// origin says where the secret comes from, without its value.
func (k secretKey) origin() string {
	switch {
	case *k.value != "":
		return "in the configuration"
	case k.from != nil:
		return "from a function"
	case k.file != "":
		return "file " + k.file
	case k.command != "":
		return "output of the command " + program(k.command)
	case k.credential() != "":
		return "file " + k.credential() + " ($CREDENTIALS_DIRECTORY)"
	}
	return ""
}

// ReadSecrets fills in the secrets that the configuration gives by a file, a command or
// a function, or as systemd credentials named like the keys. Each is read once; secrets
// that are already set stay. What commands write to standard error goes to stderr,
// which may be nil. Errors are [*ConfigError]s without any secret.
func (c *Config) ReadSecrets(ctx context.Context, stderr io.Writer) error {
	if c == nil {
		return errNilConfig()
	}
	var errs []error
	for _, key := range c.secretKeys() {
		if !key.elsewhere() {
			continue
		}
		path, read := key.name, key.from
		switch {
		case read != nil:
		case key.file != "":
			path, read = key.name+"_file", SecretFile(key.file)
		case key.command != "":
			path, read = key.name+"_command", SecretCommand(key.command, stderr)
		default:
			read = SecretFile(key.credential())
		}
		value, err := read(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			errs = append(errs, c.source.at(path, "%s", err))
		case value == "":
			errs = append(errs, c.source.at(path, "it is empty"))
		}
		*key.value = value
	}
	return errors.Join(errs...)
}

// validateSecrets refuses a secret that is given in two ways.
func (c *Config) validateSecrets() (errs []error) {
	for _, key := range c.secretKeys() {
		if key.file != "" && key.command != "" {
			errs = append(errs, c.source.at(key.name+"_command", "%s_file is given too: give one of them", key.name))
		}
		// Once they are read, values and sources are both there; so this is for what
		// was written.
		for _, suffix := range []string{"_file", "_command"} {
			if slices.Contains(c.source.values, key.name) && slices.Contains(c.source.values, key.name+suffix) {
				errs = append(errs, c.source.at(key.name+suffix, "%s is given too: give one of them", key.name))
			}
		}
	}
	return errs
}
