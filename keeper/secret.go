package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/cesnet/rwm/rwm"
)

// Secret is a secret value, or the place to read it from when it is needed: a file, the
// output of a command, or a credential of the systemd unit. It prints as "(hidden)".
type Secret struct {
	value, file, command, credential string
}

// SecretValue returns a Secret with the given value.
func SecretValue(value string) Secret { return Secret{value: value} }

// Empty reports whether neither a value nor a place to read it from is set.
func (s Secret) Empty() bool { return s == Secret{} }

// Format hides the value, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "(hidden)") }

// LogValue keeps the value out of logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue("(hidden)") }

// MarshalText keeps the value out of JSON and other encodings.
func (s Secret) MarshalText() ([]byte, error) { return []byte("(hidden)"), nil }

// Get returns the value, without the final newline of a file or of the output of a
// command. It takes at most a minute. Errors never contain the value.
func (s Secret) Get(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	switch {
	case s.value != "":
		return s.value, nil
	case s.file != "":
		return rwm.SecretFile(s.file)(ctx)
	case s.command != "":
		return rwm.SecretCommand(s.command, nil)(ctx)
	case s.credential != "":
		value, err := rwm.SecretCredential(s.credential)(ctx)
		if err != nil {
			return "", fmt.Errorf("credential %s (LoadCredential=%s:FILE in the unit): %w", s.credential, s.credential, err)
		}
		return value, nil
	}
	return "", errors.New("no value is configured")
}
