package rwm_test

import (
	"strings"
	"testing"

	"github.com/cesnet/rwm/rwm"
)

// A backup may prepare what the next one saves, so the order is the file's.
func TestBackupAllKeepsTheOrderOfTheFile(t *testing.T) {
	w := newWorld(t).policed()
	const file = `backups:
  zeta:  {filesdirs: [FILES], prerun: ["mkdir DIR/dump && echo dump > DIR/dump/db"]}
  mid:   {filesdirs: [DIR/dump]}
  alpha: {filesdirs: [FILES], prerun: ["rm -r DIR/dump"]}
retention: {keep-last: 3}
`
	text := strings.NewReplacer("FILES", w.files, "DIR", w.dir).Replace(file)
	read, err := rwm.ParseConfig(strings.NewReader(text), "rwm.conf")
	if err != nil {
		t.Fatal(err)
	}
	w.config.Backups, w.config.BackupOrder, w.config.Retention = read.Backups, read.BackupOrder, read.Retention
	report, err := w.manager().BackupAll(t.Context())
	if got, want := table(report), "zeta OK 0, mid OK 0, alpha OK 0, retention OK 0, state OK 0"; got != want {
		t.Errorf("%s, want %s: %v", got, want, err)
	}
}

func TestOrderOfConfigsMadeInGo(t *testing.T) {
	cfg := &rwm.Config{Backups: map[string]rwm.Backup{"a": {}, "b": {}, "c": {}, "d": {}}, BackupOrder: []string{"c", "a"}}
	if got := strings.Join(cfg.BackupNames(), " "); got != "c a b d" {
		t.Errorf("order %q", got)
	}
	for _, order := range [][]string{{"a", "a"}, {"nope"}} {
		cfg.BackupOrder = order
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "BackupOrder") {
			t.Errorf("%q: %v", order, err)
		}
	}
}

// Anchors and merges do not change where a backup stands.
func TestOrderWithMerges(t *testing.T) {
	cfg, err := rwm.ParseConfig(strings.NewReader(`
backups:
  z: &base {filesdirs: [/z], tags: [t]}
  y: {<<: *base, filesdirs: [/y]}
  "1": {filesdirs: [/1]}
  a: *base
`), "rwm.conf")
	if err != nil || strings.Join(cfg.BackupNames(), " ") != "z y 1 a" {
		t.Errorf("%v %v", cfg, err)
	}
}
