package rwm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

const fullConfig = `
s3_endpoint_url: https://s3.example.org
s3_access_key: AKEY
s3_secret_key: "0123"
restic_bucket: host1
restic_password: 12345
lock_path: /run/lock/rwm.lock
autotags: yes
backup_extras: [--one-file-system]
retention:
  keep-within: 14d
  keep-daily: 60
  keep-weekly: "8"
  keep-last: unlimited
backups:
  etc: &etc
    filesdirs: [/etc]
    excludes:
      - "*.bak"
    tags: [nightly, 2024]
    extras: ["--exclude-larger-than", "1G"]
    prerun: ["echo before"]
    postrun: ["echo after"]
  home:
    <<: *etc
    filesdirs:
      - /home
    postrun:
rcc_crypt_bucket: crypt
rcc_crypt_password: pw
`

func TestParseConfig(t *testing.T) {
	cfg, err := ParseConfig(strings.NewReader(fullConfig), "rwm.conf")
	if err != nil {
		t.Fatal(err)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	cfg.source = source{}
	want := &Config{
		S3EndpointURL: "https://s3.example.org", S3AccessKey: "AKEY", S3SecretKey: "0123",
		ResticBucket: "host1", ResticPassword: "12345",
		LockPath: "/run/lock/rwm.lock", AutoTags: true, BackupExtras: []string{"--one-file-system"},
		Retention: Retention{"keep-within": "14d", "keep-daily": "60", "keep-weekly": "8", "keep-last": "unlimited"},
		Backups: map[string]Backup{
			"etc": {
				FilesDirs: []string{"/etc"}, Excludes: []string{"*.bak"}, Tags: []string{"nightly", "2024"},
				Extras: []string{"--exclude-larger-than", "1G"}, PreRun: []string{"echo before"}, PostRun: []string{"echo after"},
			},
			"home": {
				FilesDirs: []string{"/home"}, Excludes: []string{"*.bak"}, Tags: []string{"nightly", "2024"},
				Extras: []string{"--exclude-larger-than", "1G"}, PreRun: []string{"echo before"},
			},
		},
		BackupOrder:    []string{"etc", "home"},
		RCCCryptBucket: "crypt", RCCCryptPassword: "pw",
	}
	if !reflect.DeepEqual(cfg, want) {
		t.Errorf("got  %+v\nwant %+v", cfg, want)
	}
}

func TestConfigMistakes(t *testing.T) {
	const s3 = "s3_endpoint_url: http://s3\ns3_access_key: a\ns3_secret_key: b\n"
	for _, test := range []struct{ name, text, want string }{
		{"unknown key", s3 + "backup: {}\n", "c.yml:4: backup: unknown key; did you mean backups?"},
		{"misspelt key", "s3_acces_key: a\n", "c.yml:1: s3_acces_key: unknown key; did you mean s3_access_key?"},
		{"dash for underscore", "s3-access-key: a\n", "did you mean s3_access_key?"},
		{"nothing near", "colour: red\n", "c.yml:1: colour: unknown key; there is autotags, backup_extras"},
		{"nested", s3 + "backups:\n  home:\n    filesdirs: [/home]\n    exclude: [x]\n", "c.yml:7: backups.home.exclude: unknown key; did you mean excludes?"},
		{"nested swap", s3 + "backups:\n  home:\n    filesdris: [/home]\n", "c.yml:6: backups.home.filesdris: unknown key; did you mean filesdirs?"},
		{"twice", s3 + "s3_access_key: c\n", "c.yml:4: s3_access_key: is here twice, the first time on line 2"},
		{"backup twice", s3 + "backups:\n  a: {filesdirs: [/a]}\n  a: {filesdirs: [/b]}\n", "c.yml:6: backups.a: is here twice, the first time on line 5"},
		{"empty value", "s3_endpoint_url: http://s3\ns3_access_key:\ns3_secret_key: ''\n", "c.yml:2: s3_access_key: is missing or empty"},
		{"missing", "restic_bucket: b\n", "c.yml: s3_secret_key: is missing or empty"},
		{"empty file", "", "c.yml: s3_endpoint_url: is missing or empty"},
		{"not a list", s3 + "backups: {h: {filesdirs: /home}}\n", "c.yml:4: backups.h.filesdirs: must be a list, not text"},
		{"not a text", s3 + "restic_bucket: [a]\n", "c.yml:4: restic_bucket: must be a single value, not a list"},
		{"not a mapping", s3 + "backups: [a]\n", "c.yml:4: backups: must have keys"},
		{"not a bool", s3 + "autotags: perhaps\n", "c.yml:4: autotags: must be true or false"},
		{"list in list", s3 + "backup_extras: [[a]]\n", "c.yml:4: backup_extras[0]: must be a single value, not a list"},
		{"empty item", s3 + "backup_extras:\n  -\n", "c.yml:5: backup_extras[0]: is empty"},
		{"no files", s3 + "backups:\n  h:\n", "c.yml:5: backups.h: has no filesdirs"},
		{"syntax", "s3_access_key: [a\n", "c.yml:1: not valid YAML"},
		{"tab", "\ta: b\n", "c.yml:1: not valid YAML: found character that cannot start any token; indent with spaces, not with tabs"},
		{"tab later", s3 + "backups:\n  h:\n\tfilesdirs: [/h]\n", "c.yml:6: not valid YAML: found character that cannot start any token; indent with spaces, not with tabs"},
		{"two documents", s3 + "---\na: b\n", "c.yml:4: a second YAML document begins here"},
		{"text only", "hello\n", "c.yml:1: must have keys"},
		{"retention key", s3 + "retention: {keep-dayly: 1}\n", "c.yml:4: retention.keep-dayly: is no retention option of restic forget; did you mean keep-daily?"},
		{"retention count", s3 + "retention: {keep-daily: ten}\n", `c.yml:4: retention.keep-daily: "ten" is not a number of snapshots`},
		{"retention negative", s3 + "retention: {keep-daily: -2}\n", "is not a number of snapshots"},
		{"retention duration", s3 + "retention: {keep-within: 14}\n", `"14" is not a duration`},
		{"retention duration that makes restic panic", s3 + "retention: {keep-within: 99999999999999999999d}\n", "is not a duration"},
		{"retention empty", s3 + "retention:\n  keep-last:\n", "c.yml:5: retention.keep-last:"},
		{"extras", s3 + "backups: {h: {filesdirs: [/h], extras: [--exclud, x]}}\n", "c.yml:4: backups.h.extras: unknown flag --exclud"},
		{"extras repository", s3 + "backup_extras: [-r, /x]\n", "c.yml:4: backup_extras: --repo"},
		{"extras value", s3 + "backup_extras: [--exclude-larger-than, big]\n", `c.yml:4: backup_extras: --exclude-larger-than: "big" is not a size`},
		{"extras time", s3 + "backups: {h: {filesdirs: [/h], extras: [--time, noon]}}\n", `--time: "noon" is not a time`},
		{"extras extended option", s3 + "backup_extras: [-o, s3.connectons=3]\n", "there is no such option here"},
		{"extras transport", s3 + "backups: {g: {filesdirs: [/g]}, h: {filesdirs: [/h], extras: [--insecure-tls]}}\n", "put it into backup_extras"},
		{"extras of two agents", s3 + "backups: {g: {filesdirs: [/g], extras: [--http-user-agent, a]}, h: {filesdirs: [/h], extras: [--http-user-agent, b]}}\n", "another value"},
		{"extras of two regions", s3 + "backup_extras: [-o, s3.region=a]\nbackups: {h: {filesdirs: [/h], extras: [-o, s3.region=b]}}\n", "another value"},
		{"extras with a command", s3 + "backups: {h: {filesdirs: [pg_dumpall], extras: [--stdin-from-command]}}\n", "c.yml:4: backups.h.extras: --stdin and --stdin-from-command cannot be used here"},
		{"extras unsigned", s3 + "backup_extras: [-o, s3.unsafe-anonymous-auth=true]\n", "a backup writes"},
		{"extras pattern", s3 + "backups: {h: {filesdirs: [/h], extras: [--exclude, '[']}}\n", "c.yml:4: backups.h.extras: backup: exclude patterns: invalid pattern"},
		{"excludes pattern", s3 + "backups: {h: {filesdirs: [/h], excludes: [good, '[']}}\n", "c.yml:4: backups.h.excludes: backup: exclude patterns: invalid pattern"},
		{"extras pack size", s3 + "backup_extras: [--pack-size, 500]\n", "c.yml:4: backup_extras: invalid pack size"},
		{"extras limit", s3 + "backup_extras: [--limit-upload, -3]\n", "c.yml:4: backup_extras: invalid limits"},
		{"extras stdin", s3 + "backup_extras: [--stdin]\n", "has no standard input"},
		{"extras password", s3 + "backup_extras: [--password-file, /x]\n", "password options cannot be used here"},
		{"endpoint scheme", "s3_endpoint_url: s3.example.org\ns3_access_key: a\ns3_secret_key: b\n", "c.yml:1: s3_endpoint_url: must be a URL that begins with https:// or http://"},
		{"endpoint without scheme", "s3_endpoint_url: 127.0.0.1:9000\ns3_access_key: a\ns3_secret_key: b\n", "c.yml:1: s3_endpoint_url: must be a URL that begins with https:// or http://"},
		{"endpoint port", "s3_endpoint_url: http://s3:99999\n", "s3_endpoint_url: has a port that is not between 1 and 65535"},
		{"bucket with a path", s3 + "restic_bucket: backups/host\n", "c.yml:4: restic_bucket: \"backups/host\" is not the name of a bucket: it must not contain a slash"},
		{"bucket name", s3 + "rcc_crypt_bucket: my bucket\n", "c.yml:4: rcc_crypt_bucket: \"my bucket\" is not the name of a bucket: "},
		{"empty tag", s3 + "retention: {keep-tag: 'a,'}\n", "c.yml:4: retention.keep-tag: \"a,\" has an empty tag"},
		{"only empty tags", s3 + "retention: {keep-tag: ','}\n", "c.yml:4: retention.keep-tag: \",\" has an empty tag"},
		{"endpoint IPv6", "s3_endpoint_url: http://::1:9000\n", "s3_endpoint_url: is not a URL: an IPv6 address stands in brackets"},
		{"endpoint zone", "s3_endpoint_url: http://[fe80::1%25eth0]:9000\n", "s3_endpoint_url: must not have the zone"},
		{"endpoint blank", "s3_endpoint_url: 'http://s3 '\n", "s3_endpoint_url: has a blank"},
		{"endpoint path", "s3_endpoint_url: https://s3/bucket\n", "s3_endpoint_url: must have nothing after the host"},
		{"anchor password", "restic_password: *hunter2\n", "a value that begins with * must be in quotes"},
		{"tag password", "restic_password: !hunter2\n", "restic_password: a value that begins with ! must be in quotes"},
		{"anchor only password", "restic_password: &hunter2\n", "restic_password: a value that begins with & must be in quotes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg, err := ParseConfig(strings.NewReader(test.text), "c.yml")
			if err == nil {
				err = cfg.Validate()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error:\n%v\nwant one with:\n%s", err, test.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error has the password in it: %v", err)
			}
			var where *ConfigError
			if !errors.Is(err, ErrConfig) || !errors.As(err, &where) {
				t.Errorf("%v is no ConfigError", err)
			}
		})
	}
}

// Each line merges the one before ten times: without a bound this would take years.
func TestMergesAreBounded(t *testing.T) {
	text := "a0: &a0 {x: y}\n"
	for i := range 15 {
		text += fmt.Sprintf("a%d: &a%d {<<: [%s*a%d]}\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 9), i)
	}
	text += "backups: *a15\n"
	_, err := ParseConfig(strings.NewReader(text), "c")
	if err == nil || !strings.Contains(err.Error(), "backups: merges too much") {
		t.Errorf("error %v", err)
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	_, err := ParseConfig(strings.NewReader("one: 1\ntwo: 2\nautotags: x\n"), "c")
	if got := len(strings.Split(err.Error(), "\n")); got != 3 {
		t.Errorf("%d lines, want 3:\n%v", got, err)
	}
}

func TestConfigWarnings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rwm.conf")
	for _, test := range []struct {
		text string
		mode os.FileMode
		want []string
	}{
		{"", 0o600, nil},
		{"", 0o640, []string{"mode 0640"}},
		{"", 0o604, []string{"mode 0604"}},
		{"retention: {keep-daily: 3}", 0o400, []string{"keep-within"}},
		{"retention: {keep-daily: 3, keep-within: 1d}", 0o600, nil},
		{"metrics_file: /m/rwm.prom", 0o600, nil},
		{"metrics_file: /m/rwm.txt", 0o600, []string{".prom"}},
	} {
		if runtime.GOOS == "windows" && test.mode != 0o600 {
			continue
		}
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, test.mode); err != nil {
			t.Fatal(err)
		}
		cfg, err := LoadConfig(path)
		if err != nil {
			t.Fatal(err)
		}
		got := cfg.Warnings()
		if len(got) != len(test.want) || len(got) > 0 && !strings.Contains(got[0], test.want[0]) {
			t.Errorf("%q mode %o: warnings %q, want %q", test.text, test.mode, got, test.want)
		}
		_ = os.Remove(path)
	}
	if _, err := LoadConfig(path + ".missing"); !errors.Is(err, ErrConfig) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add(fullConfig)
	f.Add("a: &a\n  <<: *a\n")
	f.Add("backups: &b {x: *b}\n")
	f.Add("backups:\n  <<: [{a: {filesdirs: [x]}}, {a: {filesdirs: [y]}}]\n")
	f.Add("? [x]\n: y\n")
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := ParseConfig(strings.NewReader(text), "fuzz")
		if err != nil {
			if !errors.Is(err, ErrConfig) {
				t.Fatalf("%v is no configuration error", err)
			}
			return
		}
		_ = cfg.Validate()
		_ = cfg.Warnings()
	})
}
