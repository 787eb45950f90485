package rwm

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cesnet/rwm/internal/resticflags"
)

func TestExampleConfigs(t *testing.T) {
	files, err := filepath.Glob("../examples/*.yml")
	if err != nil || len(files) < 4 {
		t.Fatalf("examples %q, %v", files, err)
	}
	for _, file := range files {
		cfg, err := LoadConfig(file)
		if err == nil {
			err = cfg.Validate()
		}
		if err != nil {
			t.Error(err)
			continue
		}
		cfg.source.mode = 0o600
		if warnings := cfg.Warnings(); len(warnings) > 0 {
			t.Errorf("%s: %q", file, warnings)
		}
	}
}

// examples/full.yml is to have every key there is.
func TestFullExampleIsFull(t *testing.T) {
	cfg, err := LoadConfig("../examples/full.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range slices.Concat(yamlKeys[Config](), retentionKeys()) {
		if strings.HasSuffix(key, "_file") || strings.HasSuffix(key, "_command") {
			continue // replaces another value; examples/secrets.yml has some
		}
		if cfg.source.lines[key] == 0 && cfg.source.lines["retention."+key] == 0 {
			t.Errorf("%s is missing", key)
		}
	}
	for _, key := range yamlKeys[Backup]() {
		if cfg.source.lines["backups.home."+key] == 0 {
			t.Errorf("%s of a backup is missing", key)
		}
	}
}

func yamlKeys[T any]() (names []string) {
	for field := range reflect.TypeFor[T]().Fields() {
		if name := field.Tag.Get("yaml"); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// environment lists the variables of the flags.
func environment(flags reflect.Type) (names []string) {
	for field := range flags.Fields() {
		if field.Anonymous {
			names = append(names, environment(field.Type)...)
		} else if name := field.Tag.Get("env"); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// docs/configuration.md names exactly the keys that the code knows, and what it
// shows as YAML is valid.
func TestConfigurationReference(t *testing.T) {
	data, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	main, backup, ok := strings.Cut(text, "### Of a backup")
	if !ok {
		t.Fatal("no section about a backup")
	}
	rows := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")
	for part, want := range map[string][]string{main: yamlKeys[Config](), backup: yamlKeys[Backup]()} {
		var got []string
		for _, match := range rows.FindAllStringSubmatch(part, -1) {
			got = append(got, match[1])
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("documented keys:\n%q\nkeys of the code:\n%q", got, want)
		}
	}
	if !strings.Contains(text, "| `lock_path` | text | `"+DefaultLockPath+"` |") {
		t.Error("the default of lock_path is another")
	}
	_, retention, _ := strings.Cut(text, "## Retention")
	for _, key := range retentionKeys() {
		if !strings.Contains(retention, "`"+key+"`") {
			t.Errorf("%s is not documented", key)
		}
	}
	documented := regexp.MustCompile("`(RESTIC_[A-Z_]+)`").FindAllStringSubmatch(text, -1)
	variables := environment(reflect.TypeFor[resticflags.BackupArgs]())
	for _, name := range variables {
		if !slices.ContainsFunc(documented, func(match []string) bool { return match[1] == name }) {
			t.Errorf("variable %s is not documented", name)
		}
	}
	if len(documented) != len(variables) {
		t.Errorf("documented variables %q, there are %q", documented, variables)
	}
	for _, match := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(text, -1) {
		cfg, err := ParseConfig(strings.NewReader(match[1]), "docs/configuration.md")
		if err == nil {
			err = cfg.Validate()
		}
		if err != nil {
			t.Errorf("%v in:\n%s", err, match[1])
		}
	}
	// The messages shown are those one gets.
	for _, test := range []struct{ config, want string }{
		{strings.Repeat("\n", 11) + "backups:\n  home:\n    exclude: [x]\n", "rwm.conf:14: backups.home.exclude: unknown key; did you mean excludes?"},
		{strings.Repeat("\n", 17) + "retention:\n  keep-dayly: 1\n", "rwm.conf:19: retention.keep-dayly: is no retention option of restic forget; did you mean keep-daily?"},
	} {
		cfg, err := ParseConfig(strings.NewReader(test.config), "rwm.conf")
		if err == nil {
			err = cfg.Validate()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(text, test.want) {
			t.Errorf("shown: %s\ngot: %v", test.want, err)
		}
	}
}
