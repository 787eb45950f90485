package rwm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/cesnet/rwm/internal/plural"
	"github.com/cesnet/rwm/internal/readfile"
)

// maxConfigSize is far beyond any configuration written by hand.
const maxConfigSize = 4 << 20

// maxMistakes is how many of them are listed.
const maxMistakes = 30

// LoadConfig reads the YAML file at path. Unknown keys, keys written twice and values
// of the wrong kind are errors, all reported at once ([errors.As] finds each
// [*ConfigError]). [Config.Validate], which [New] calls, checks whether the values make
// sense.
//
// Secrets that the file gives indirectly are left to [Config.ReadSecrets].
func LoadConfig(path string) (*Config, error) { return ReadConfig(context.Background(), path) }

// ReadConfig is [LoadConfig] with a context. Ending the context aborts the wait for a
// pipe that has no writer. The file is opened and read once, so it may be a pipe,
// /dev/stdin or a process substitution of a shell.
func ReadConfig(ctx context.Context, path string) (*Config, error) {
	file, err := readfile.Read(ctx, path, maxConfigSize+1)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	cfg, err := ParseConfig(bytes.NewReader(file.Content), path)
	if err != nil {
		return nil, err
	}
	if file.Mode.IsRegular() {
		cfg.source.mode = file.Mode.Perm()
	}
	return cfg, nil
}

// ParseConfig reads YAML from r like [LoadConfig]. Errors use name for the source; it
// is usually a file name.
func ParseConfig(r io.Reader, name string) (*Config, error) {
	d := &decoder{source: source{name: name, lines: map[string]int{}}, order: map[string][]string{}}
	if r == nil {
		return nil, errNilConfig()
	}
	text, err := io.ReadAll(io.LimitReader(r, maxConfigSize+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrConfig, name, err)
	}
	if len(text) > maxConfigSize {
		return nil, d.source.at("", "is larger than 4 MiB; this is no configuration")
	}
	yamlDecoder := yaml.NewDecoder(strings.NewReader(string(text)))
	var document, second yaml.Node
	switch err := yamlDecoder.Decode(&document); {
	case errors.Is(err, io.EOF): // an empty file
	case err != nil:
		return nil, syntaxError(name, string(text), err)
	}
	if err := yamlDecoder.Decode(&second); err == nil {
		return nil, &ConfigError{File: name, Line: second.Line, Msg: "a second YAML document begins here; only one is read"}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxError(name, string(text), err)
	}
	cfg := &Config{}
	if len(document.Content) > 0 {
		d.value(document.Content[0], reflect.ValueOf(cfg).Elem(), "")
	}
	if more := len(d.errs) - maxMistakes; more > 0 {
		d.errs = append(d.errs[:maxMistakes], &ConfigError{File: name, Msg: plural.Of(more, "more mistake")})
	}
	if len(d.errs) > 0 {
		return nil, errors.Join(d.errs...)
	}
	cfg.source = d.source
	cfg.BackupOrder = d.order["backups"]
	for _, key := range cfg.secretKeys() {
		for name, value := range map[string]string{key.name: *key.value, key.name + "_file": key.file, key.name + "_command": key.command} {
			if value != "" {
				cfg.source.values = append(cfg.source.values, name)
			}
		}
	}
	return cfg, nil
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

var yamlAnchor = regexp.MustCompile(`unknown anchor '.*' referenced`)

// syntaxError gives the YAML parser's error our form, without what may be a
// secret: an unquoted value that begins with * is taken for an anchor's name.
func syntaxError(name, text string, err error) error {
	result := &ConfigError{File: name, Msg: "not valid YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		result.Line, _ = strconv.Atoi(m[1])
		result.Msg = "not valid YAML: " + strings.TrimPrefix(err.Error(), m[0])
	} else if strings.Contains(err.Error(), "found character") {
		result.Line = 1 // the only one that the parser does not name
	}
	if lines := strings.Split(text, "\n"); result.Line > 0 && result.Line <= len(lines) && strings.HasPrefix(strings.TrimLeft(lines[result.Line-1], " "), "\t") {
		result.Msg += "; indent with spaces, not with tabs"
	}
	result.Msg = yamlAnchor.ReplaceAllString(result.Msg, "a value that begins with * must be in quotes")
	return result
}
