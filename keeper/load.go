package keeper

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cesnet/rwm/internal/readfile"
	"github.com/cesnet/rwm/internal/s3config"
	"github.com/cesnet/rwm/rwm"
)

// LoadConfig reads the YAML file at path. It is as strict as rwm.conf: unknown keys,
// keys written twice, and invalid values are errors that name key and line
// ([*rwm.ConfigError]), all at once.
func LoadConfig(path string) (*Config, error) { return ReadConfig(context.Background(), path) }

// ReadConfig is [LoadConfig] with a context. Ending the context aborts the wait for a
// pipe that has no writer.
func ReadConfig(ctx context.Context, path string) (*Config, error) {
	file, err := readfile.Read(ctx, path, maxConfig+1)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", rwm.ErrConfig, err)
	}
	return ParseConfig(bytes.NewReader(file.Content), path)
}

// maxConfig is far beyond any configuration written by hand.
const maxConfig = 16 << 20

// ParseConfig reads YAML from r like [LoadConfig]. Errors use name for the source.
func ParseConfig(r io.Reader, name string) (*Config, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxConfig+1))
	if err != nil || len(text) > maxConfig {
		return nil, errors.Join(&rwm.ConfigError{File: name, Msg: "cannot be read, or is larger than 16 MiB"}, err)
	}
	var document, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err = decoder.Decode(&document); err == nil {
		if err = decoder.Decode(&second); err == nil {
			return nil, &rwm.ConfigError{File: name, Line: second.Line, Msg: "a second YAML document begins here; only one is read"}
		}
	}
	if !errors.Is(err, io.EOF) {
		return nil, &rwm.ConfigError{File: name, Line: yamlLine(err.Error()), Msg: "not valid YAML: " + withoutSecrets(err.Error())}
	}
	if len(document.Content) == 0 {
		return nil, &rwm.ConfigError{File: name, Msg: "is empty"}
	}
	l := &loader{name: name}
	cfg := l.config(document.Content[0])
	cfg.path = name
	if len(l.errs) == 0 {
		l.validate(cfg)
	}
	if len(l.errs) > 0 {
		return nil, errors.Join(l.errs...)
	}
	return cfg, nil
}

type loader struct {
	name  string
	errs  []error
	lines map[string]int
}

func (l *loader) fail(line int, key, format string, args ...any) {
	l.errs = append(l.errs, &rwm.ConfigError{File: l.name, Line: line, Key: key, Msg: fmt.Sprintf(format, args...)})
}

func (l *loader) config(root *yaml.Node) *Config {
	cfg := &Config{Storages: map[string]*StorageConfig{}, AdminConfig: "admin.conf"}
	l.lines = map[string]int{}
	var defaults, storages *yaml.Node
	for _, e := range l.entries(root, "", keysOf(*cfg, "defaults")) {
		switch e.key {
		case "defaults":
			defaults = e.value
		case "storages":
			storages = e.value
		default:
			l.assign(cfg, e, e.key)
		}
	}
	base := defaultStorage()
	if defaults != nil {
		l.storage(&base, defaults, "defaults")
	}
	for _, e := range l.entries(storages, "storages", nil) {
		one := base
		one.Retention = maps.Clone(base.Retention)
		l.storage(&one, e.value, "storages."+e.key)
		cfg.Storages[e.key] = &one
		l.lines["storages."+e.key] = e.line
	}
	return cfg
}

func (l *loader) storage(into *StorageConfig, node *yaml.Node, path string) {
	for _, e := range l.entries(node, path, keysOf(*into)) {
		if e.key == "retention" {
			into.Retention = nil // one's own takes the place of that of all
		}
		l.lines[path+"."+e.key] = e.line
		l.assign(into, e, path+"."+e.key)
	}
}

type entry struct {
	key   string
	line  int
	value *yaml.Node
}

// entries lists the keys of a mapping and reports unknown and repeated ones. Without
// known ones, any name will do.
func (l *loader) entries(node *yaml.Node, path string, known []string) (out []entry) {
	if node == nil {
		return nil
	}
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind != yaml.MappingNode {
		l.fail(node.Line, path, "must have keys (\"key: value\" lines)")
		return nil
	}
	first := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		at := strings.TrimPrefix(path+"."+key.Value, ".")
		switch {
		case key.Kind != yaml.ScalarNode || key.Value == "" || key.Tag == "!!merge":
			l.fail(key.Line, path, "has a key that is not a name; use \"defaults\" for what storages have in common")
		case first[key.Value] != 0:
			l.fail(key.Line, at, "is here twice, the first time on line %d", first[key.Value])
		case known != nil && !slices.Contains(known, key.Value):
			l.fail(key.Line, at, "unknown key%s", closest(key.Value, known))
		default:
			first[key.Value] = key.Line
			out = append(out, entry{key.Value, key.Line, value})
		}
	}
	return out
}

var yamlLineText = regexp.MustCompile(`line (\d+): `)

func yamlLine(text string) (line int) {
	if m := yamlLineText.FindStringSubmatch(text); m != nil {
		_, _ = fmt.Sscan(m[1], &line)
	}
	return line
}

var yamlAnchor = regexp.MustCompile(`unknown anchor '.*' referenced`)

// withoutSecrets takes out of an error of the YAML parser what may be a password.
func withoutSecrets(text string) string {
	text = yamlLineText.ReplaceAllString(strings.TrimPrefix(text, "yaml: "), "")
	return yamlAnchor.ReplaceAllString(text, "a value that begins with * must be in quotes")
}

// validate checks that the values make sense together.
func (l *loader) validate(cfg *Config) {
	if len(cfg.Storages) == 0 {
		l.fail(0, "storages", "is missing: there is nothing to keep")
	}
	l.validateParallel(cfg)
	for key, price := range map[string]float64{
		"per_1000_gets": cfg.Prices.PerThousandGets, "per_1000_lists": cfg.Prices.PerThousandPuts,
		"per_gib_read": cfg.Prices.PerGiBOut, "per_gib_month": cfg.Prices.PerGiBMonth,
	} {
		if !(price >= 0 && price <= mostPrice) { // nor no number
			l.fail(l.lines["prices."+key], "prices."+key, "must be between 0 and %g", mostPrice)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Storages)) {
		l.validateStorage(name, cfg.Storages[name])
	}
}

func (l *loader) validateParallel(cfg *Config) {
	if cfg.Parallel < 0 || cfg.Parallel > 256 {
		l.fail(l.lines["parallel"], "parallel", "must be between 1 and 256")
	}
}

func (l *loader) validateName(name string) {
	if path := "storages." + name; !storageName.MatchString(name) {
		l.fail(l.lines[path], path, "a storage's name may have only letters, digits, dots, dashes and underscores, since files are named after it")
	}
}

// usable checks of a configuration made in Go what a pass cannot do without. What a
// storage of its own lacks makes it red.
func (c *Config) usable() error {
	l := &loader{name: c.path}
	l.validateParallel(c)
	for _, name := range slices.Sorted(maps.Keys(c.Storages)) {
		l.validateName(name)
		if c.Storages[name] == nil {
			l.fail(0, "storages."+name, "is nil")
		}
	}
	return errors.Join(l.errs...)
}

// mostPrice is more than anything costs, in any currency.
const mostPrice = 1e9

var storageName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

func (l *loader) validateStorage(name string, s *StorageConfig) {
	path := "storages." + name
	bad := func(key, format string, args ...any) {
		line := l.lines[path+"."+key]
		if line == 0 {
			line = l.lines[path]
		}
		l.fail(line, path+"."+key, format, args...)
	}
	l.validateName(name)
	if s.S3EndpointURL == "" {
		bad("s3_endpoint_url", "is missing")
	} else if _, err := s3config.Endpoint(s.S3EndpointURL); err != nil {
		bad("s3_endpoint_url", "%s", err)
	}
	if s.S3AccessKey.Empty() {
		bad("s3_access_key", "is missing: give it, or s3_access_key_file, _command or _credential")
	}
	if s.S3SecretKey.Empty() {
		bad("s3_secret_key", "is missing: give it, or s3_secret_key_file, _command or _credential")
	}
	if s.ResticBucket == "" {
		bad("restic_bucket", "is missing")
	} else if err := s3config.Bucket(s.ResticBucket); err != nil {
		bad("restic_bucket", "%s", err)
	}
	if s.HostAccessKey.Empty() != s.HostSecretKey.Empty() {
		bad("host_secret_key", "goes together with host_access_key")
	}
	if err := s.checkSensitivity(); err != nil {
		bad("sensitivity", "%s", err)
	}
	if policy, err := s.Retention.Policy(); err != nil {
		bad("retention", "%s", err)
	} else if len(s.Retention) > 0 && policy.Empty() {
		bad("retention", "keeps nothing: every value is zero; say what to keep, or leave it out to forget nothing")
	}
	if s.ExpectBackupWithin.On() && s.ExpectBackupWithin.Duration() == 0 {
		bad("expect_backup_within", "always is no age: give one like 48h, or off")
	}
	if s.Budget.Requests < 0 {
		bad("budget", "requests must not be negative; 0 means no limit")
	}
	if s.Drop.On() && s.Drop.Duration() == 0 {
		bad("drop_versions", "always is too often: give a period like 7d")
	}
	if s.Promise < Span(24*time.Hour) {
		bad("promise", "is less than a day: moments older than that would not be kept (m is minutes; for half a year write 180d)")
	}
	if s.DrillFiles < 1 || s.DrillFiles > 10_000 {
		bad("drill_files", "must be between 1 and 10000; drill: off makes no drills")
	}
}
