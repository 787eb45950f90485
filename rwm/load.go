package rwm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxConfigSize is far beyond any configuration written by hand.
const maxConfigSize = 4 << 20

// maxMistakes is how many of them are listed.
const maxMistakes = 30

// LoadConfig reads the YAML file at path. Unknown keys, keys written twice and
// values of the wrong kind are errors, all reported at once ([errors.As] finds
// each [*ConfigError]). Whether the values make sense is for [Config.Validate],
// which [New] calls.
func LoadConfig(path string) (*Config, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	defer file.Close() //nolint:errcheck // opened for reading
	cfg, err := ParseConfig(file, path)
	if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err == nil {
		cfg.source.mode = info.Mode().Perm()
	}
	return cfg, nil
}

// ParseConfig reads YAML from r like [LoadConfig]. The name is what errors call
// the source, usually a file name.
func ParseConfig(r io.Reader, name string) (*Config, error) {
	d := &decoder{source: source{name: name, lines: map[string]int{}}}
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
		return nil, syntaxError(name, err)
	}
	if err := yamlDecoder.Decode(&second); err == nil {
		return nil, &ConfigError{File: name, Line: second.Line, Msg: "a second YAML document begins here; only one is read"}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxError(name, err)
	}
	cfg := &Config{}
	if len(document.Content) > 0 {
		d.value(document.Content[0], reflect.ValueOf(cfg).Elem(), "")
	}
	if more := len(d.errs) - maxMistakes; more > 0 {
		d.errs = append(d.errs[:maxMistakes], &ConfigError{File: name, Msg: fmt.Sprintf("%d more mistakes", more)})
	}
	if len(d.errs) > 0 {
		return nil, errors.Join(d.errs...)
	}
	cfg.source = d.source
	return cfg, nil
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

var yamlAnchor = regexp.MustCompile(`unknown anchor '.*' referenced`)

// syntaxError gives the YAML parser's error our form, without what may be a
// secret: an unquoted value that begins with * is taken for an anchor's name.
func syntaxError(name string, err error) error {
	result := &ConfigError{File: name, Msg: "not valid YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		result.Line, _ = strconv.Atoi(m[1])
		result.Msg = "not valid YAML: " + strings.TrimPrefix(err.Error(), m[0])
	}
	result.Msg = yamlAnchor.ReplaceAllString(result.Msg, "a value that begins with * must be in quotes")
	return result
}
