package plural

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	for want, got := range map[string]string{
		"1 moment": Of(1, "moment"), "0 packs": Of(int64(0), "pack"), "2 indexes": Of(uint64(2), "index"), "1 index": Of(1, "index"),
		"3 directories": Of(3, "directory"), "2 days": Of(2, "day"), "2 keys": Of(2, "key"), "1 old version": Of(1, "old version"), "2 passes": Of(2, "pass"),
		"1 pack is": Of(1, "pack") + " " + Are(1), "0 packs were": Of(0, "pack") + " " + Were(0), "1 was": "1 " + Were(1), "2 are": "2 " + Are(2),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// theirs are texts that are restic's own ("1 snapshots"), to which commands are held,
// and those of what is always more than one.
var theirs = map[string][]string{
	"cmd/rwm/backup_output.go":    {"%d files"},
	"cmd/rwm/restic_forget.go":    {"%d snapshots"},
	"cmd/rwm/restic_rewrite.go":   {"%d snapshots"},
	"cmd/rwm/restic_snapshots.go": {"%d snapshots"},
	"cmd/rwm/restic_tag.go":       {"%d snapshots"},
	"cmd/rwm/restic_restore.go":   {"%d files"},
	"cmd/rwm/restic_unlock.go":    {"%d locks"},
	"cmd/rwm/storage_history.go":  {"%d keys"}, // with indexes and snapshots
	"restic/forget.go":            {"%d snapshots"},
	"restic/prune.go":             {"%d snapshots"},
	"restic/key.go":               {"%d keys"},
	"restic/index_json.go":        {"%d blobs"},    // a limit
	"s3state/lock.go":             {"%d days"},     // less than one
	"keeper/backups.go":           {"%d backups"},  // a limit
	"s3state/reclaimed.go":        {"%d days"},     // behind its own "a day"
	"s3state/seal.go":             {"%d days"},     // a limit
	"s3state/adopt_judge.go":      {"%d days"},     // a constant
	"s3state/manifest.go":         {"%d objects"},  // unsorted: two at least
	"s3versions/delete.go":        {"%d versions"}, // more than a request takes
	"keeper/signs/judge.go":       {"%d backups"},  // a run of several
}

// No text says "1 moments": a number before a noun goes through this package.
func TestCountsReadWell(t *testing.T) {
	counted := regexp.MustCompile(`%d (((open|new|more) )?(alarms|marks|changes|findings|snapshots)|moments|requests|snapshots|packs|objects|(old )?versions|delete markers|trees|errors|days|hours|minutes|problems|states|keys|blobs|locks|files|paths|directories|storages|backups|mistakes|slices|indexes|unreadable indexes)\b`)
	looked := 0
	for _, dir := range []string{"cmd/rwm", "rwm", "restic", "s3state", "s3versions", "s3tool", "fusemount", "keeper", "rcc"} {
		err := filepath.WalkDir("../../"+dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			looked++
			name := filepath.ToSlash(strings.TrimPrefix(path, "../../"))
			left := string(text)
			for _, known := range theirs[name] {
				if !strings.Contains(left, known) {
					t.Errorf("%s does not say %q any more: take it off the list", name, known)
				}
				left = strings.ReplaceAll(left, known, "")
			}
			for _, match := range counted.FindAllString(left, -1) {
				t.Errorf("%s: %q may say 1 of them: use plural.Of", name, match)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if looked < 300 {
		t.Errorf("only %d files looked at", looked)
	}
}
