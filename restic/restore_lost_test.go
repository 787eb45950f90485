//go:build !windows

package restic

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A file with a blob in no index is left out, and all others are restored. restic's
// restorer ends at the first one.
func TestRestoreLeavesOutWhatIsInNoIndex(t *testing.T) {
	f := newForgeries(t)
	linked := `,"links":2,"inode":7,"device_id":7`
	dated := `,"mtime":"2024-05-06T07:08:09Z"`
	twoParts := strings.Replace(fileNode("two parts", "gone", ""), "[", `["`+blob("some data")+`",`, 1)
	below, belowID := tree(fileNode("there", "some data", ""), twoParts)
	root, _ := tree(fileNode("a linked", "gone", linked), fileNode("b linked", "gone", linked), fileNode("c", "some data", ""),
		dirNode("d", belowID), fileNode("e", "gone", dated), fileNode("f", "some data", ""))
	snapshot := f.save(nil, below, root)
	s := f.open()

	all := "/a linked /b linked /e /d/two parts"
	others := "/a linked /b linked /d/two parts"
	for name, tc := range map[string]struct {
		o     RestoreOptions
		there bool // e is in the target, with the size and time of the snapshot's
		want  string
	}{
		"new target":         {RestoreOptions{}, false, all},
		"plain":              {RestoreOptions{plain: true}, false, all},
		"verified":           {RestoreOptions{Verify: true}, false, all},
		"dry run":            {RestoreOptions{DryRun: true}, false, all},
		"overwritten":        {RestoreOptions{}, true, all},
		"deleted":            {RestoreOptions{Delete: true}, true, all},
		"if changed":         {RestoreOptions{Overwrite: OverwriteIfChanged}, true, others},
		"if newer":           {RestoreOptions{Overwrite: OverwriteIfNewer}, true, others},
		"never":              {RestoreOptions{Overwrite: OverwriteNever}, true, others},
		"never, but it must": {RestoreOptions{Overwrite: OverwriteNever}, false, all},
		"another one":        {RestoreOptions{Patterns: Patterns{Includes: []string{"/f"}}}, false, ""},
		"itself":             {RestoreOptions{Patterns: Patterns{Includes: []string{"/e", "/f"}}}, false, "/e"},
	} {
		target := t.TempDir()
		mine := filepath.Join(target, "e")
		if tc.there {
			if err := os.WriteFile(mine, []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
			at := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
			if err := os.Chtimes(mine, at, at); err != nil {
				t.Fatal(err)
			}
		}
		tc.o.Snapshot, tc.o.Target = snapshot, target
		res, err := s.Restore(t.Context(), tc.o)
		var failed []string
		for _, item := range res.Failed {
			failed = append(failed, item.Item)
			if !errors.Is(item.Err, ErrDamaged) || !strings.Contains(item.Err.Error(), "in no index") {
				t.Errorf("%s: %s: %v", name, item.Item, item.Err)
			}
		}
		if got := strings.Join(failed, " "); got != tc.want || (err == nil) != (tc.want == "") {
			t.Errorf("%s: not restored are %s, %v", name, got, err)
		}
		for _, path := range []string{"c", "f", "d/there"} {
			data, err := os.ReadFile(filepath.Join(target, path))
			want := !tc.o.DryRun && (path == "f" || len(tc.o.Includes) == 0)
			if (err == nil && string(data) == "some data") != want {
				t.Errorf("%s: %s: %q, %v", name, path, data, err)
			}
		}
		if data, err := os.ReadFile(mine); tc.there != (err == nil) || tc.there && string(data) != "mine" {
			t.Errorf("%s: what was there of the lost file: %q, %v", name, data, err)
		}
	}
}
