package rwm

import (
	"fmt"
	"log/slog"
)

// redacted is a Config without its methods and secrets.
type redacted Config

func (c Config) redacted() redacted {
	for _, secret := range []*string{&c.S3SecretKey, &c.ResticPassword, &c.RCCCryptPassword, &c.Ping} {
		if *secret != "" {
			*secret = "(hidden)"
		}
	}
	if len(c.Notify) > 0 { // URLs of services hold their passwords
		c.Notify = []string{"(hidden)"}
	}
	for _, command := range []*string{&c.S3AccessKeyCommand, &c.S3SecretKeyCommand, &c.ResticPasswordCommand, &c.RCCCryptPasswordCommand} {
		if *command != "" {
			*command = program(*command)
		}
	}
	c.source = source{}
	return redacted(c)
}

// Format prints the configuration with its secrets hidden, whatever the verb.
func (c Config) Format(state fmt.State, verb rune) {
	format := "%+v"
	if state.Flag('#') {
		format = "%#v"
	}
	_, _ = fmt.Fprintf(state, format, c.redacted())
}

// LogValue keeps the secrets out of logs.
func (c Config) LogValue() slog.Value { return slog.AnyValue(fmt.Sprintf("%+v", c.redacted())) }
