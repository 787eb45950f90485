package page_test

import (
	"image/png"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/keeper"
	"github.com/cesnet/rwm/keeper/page"
	"github.com/cesnet/rwm/keeper/signs"
)

const hostile = `</td><script>document.title="owned"</script><img src=x onerror=alert(1)>`

var now = time.Date(2026, 11, 28, 6, 17, 0, 0, time.UTC)

func sample() []*keeper.Status {
	good := &keeper.Status{
		Storage: "web1", Bucket: "web1-backups", Green: true, Reds: []keeper.Red{}, LastPass: now, LastBackup: now.Add(-5 * time.Hour),
		Proof: &keeper.Proof{Moment: now.Add(-5 * time.Hour), Proved: true, Snapshots: 61, Packs: 2210}, ProvedAt: now.Add(-4 * time.Hour),
		LastGood: now.Add(-5 * time.Hour), Locked: true, Floor: now.Add(21 * 24 * time.Hour), Growth: 412 << 20, ReadShare: 0.91,
		Drill:  &keeper.DrillResult{Time: now.Add(-50 * time.Hour), Files: 10, Bytes: 312 << 20, Seconds: 4},
		Survey: &keeper.Survey{Objects: 2301, Bytes: 34 << 30, OldCount: 812, OldBytes: 5 << 30},
		Tasks: []keeper.TaskStatus{{Task: keeper.TaskHistory, Every: keeper.Always(), Outcome: keeper.Proved, Proved: now, Requests: 14},
			{Task: keeper.TaskProve, Every: keeper.Period(24 * time.Hour), Outcome: keeper.Proved, Text: "61 snapshots, 2210 packs", Proved: now, Requests: 201}},
		Backups: []keeper.BackupState{{Host: "web1", Name: "home", Snapshot: "4bba301e77aa", Latest: now, Files: 120331, Bytes: 40 << 30,
			Recent: []keeper.SnapshotState{{ID: "4bba301e77aa", Time: now, Files: 120331, Bytes: 40 << 30, Added: 212 << 20, Changed: 318}}}},
		Recovery: []string{"rwm --config admin.conf restic --at '2026-11-28T01:17:00Z' restore latest --target ./restored --verify"},
	}
	for d := range 30 {
		at := now.Add(-time.Duration(30-d) * 24 * time.Hour)
		good.Steps = append(good.Steps, keeper.HistoryStep{From: at, To: at.Add(time.Hour), Written: int64(10 + d*d%17), Bytes: 160 << 20, Deleted: int64(d % 5),
			What: "written 9 packs (160.0 MiB), 1 index; deleted 2 locks"})
		good.States = append(good.States, at.Add(time.Hour))
	}
	bad := *good
	bad.Storage, bad.Bucket, bad.Green, bad.Frozen, bad.Locked, bad.Floor = "db1", "db1-backups", false, true, false, time.Time{}
	bad.Reds = []keeper.Red{{Code: "alarm", Sentence: "ALARM (renamed): 400 files got the extension " + hostile, Command: "rwm keep --config /etc/rwm/keeper.conf ack db1 renamed-1a2b3c"}}
	bad.Alarms = []*keeper.Alarm{{ID: "renamed-1a2b3c", Host: "db1" + hostile, Backup: "dumps", Seen: now, Alarm: signs.Alarm{Kind: signs.KindRenamed,
		Snapshot: "0a1b2c3d4e5f", Time: now, Text: "400 files (81 %) got the extension " + hostile, Paths: []string{"/srv/" + hostile, "/srv/" + strings.Repeat("long", 60)},
		Figures: map[string]float64{"files": 400, "share": 0.81}}}}
	bad.Marks = []keeper.Mark{{Time: now, Key: "data/00/" + hostile, Reason: "a pack was overwritten with something else"}}
	bad.Steps = append(good.Steps[:29:29], keeper.HistoryStep{From: now.Add(-24 * time.Hour), To: now, Written: 3, Deleted: 250, Marks: 250, What: "overwritten 250 packs"})
	bad.Settled = []keeper.Mark{{Time: now.Add(-48 * time.Hour), Key: "note" + hostile, Reason: "it does not belong", Standing: "noted"}}
	bad.LastGood = now.Add(-48 * time.Hour)
	bad.Tasks = append(bad.Tasks, keeper.TaskStatus{Task: keeper.TaskRead, Every: keeper.Period(90 * 24 * time.Hour), Outcome: keeper.Failed, Text: hostile})
	fresh := keeper.Status{Storage: "new", Bucket: "new", Reds: []keeper.Red{{Code: "never-run", Sentence: "No pass has been made over it yet.", Command: "rwm keep"}}}
	return []*keeper.Status{&bad, good, &fresh}
}

// A real browser shows the pages, in light and dark, on a desk and on a phone; what an
// attacker put into names is text; nothing is loaded.
func TestPagesInBrowser(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if keep := os.Getenv("RWM_KEEP_PAGE"); keep != "" {
		dir = keep
	}
	if err := page.Write(dir, sample(), now, time.UTC); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"index", "db1", "web1"} {
		address := (&url.URL{Scheme: "file", Path: filepath.Join(dir, name+".html")}).String()
		dom := string(harness.Chromium(t, "--dump-dom", address))
		if strings.Contains(dom, "<title>owned") || strings.Contains(dom, "<script") || strings.Contains(dom, "<img") {
			t.Errorf("%s: a name became markup", name)
		}
		for _, want := range map[string][]string{
			"index": {"RWM storages", "2 red", "1 green", "1 open alarm<", "web1-backups"}, "db1": {"&lt;script&gt;", "ack db1 renamed-1a2b3c", "frozen", "overwritten 250 packs; 250 suspicious", "noted: it does not belong", "last good moment 2026-11-26 06:17 UTC"},
			"web1": {"GREEN", "2210 packs", "restore latest", "written 9 packs (160.0 MiB), 1 index; deleted 2 locks", "state saved 2026-11-27"},
		}[name] {
			if want != "web1-backups" && !strings.Contains(dom, want) {
				t.Errorf("%s does not have %q", name, want)
			}
		}
		widths, schemes := []string{"390"}, []string{""}
		if harness.All() || os.Getenv("RWM_KEEP_PAGE") != "" {
			widths, schemes = []string{"1200", "390"}, []string{"", "--blink-settings=preferredColorScheme=0"}
		}
		for _, w := range widths {
			for _, dark := range schemes {
				shot := filepath.Join(dir, name+"-"+w+map[bool]string{true: "-dark"}[dark != ""]+".png")
				args := []string{"--hide-scrollbars", "--screenshot=" + shot, "--window-size=" + w + ",1400", address}
				if dark != "" {
					args = append([]string{dark}, args...)
				}
				harness.Chromium(t, args...)
				f, err := os.Open(shot)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := png.Decode(f); err != nil {
					t.Errorf("%s: %v", shot, err)
				}
				_ = f.Close()
			}
		}
	}
}

// The files name no address, so nothing can be loaded from one.
func TestPagesLoadNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := page.Write(dir, sample(), now, time.UTC); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"index.html", "db1.html", "web1.html", "new.html"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"http://", "https://", "src=", "@import", "url("} {
			if strings.Contains(strings.ReplaceAll(string(text), "&lt;img src=x", ""), bad) {
				t.Errorf("%s has %q", name, bad)
			}
		}
	}
}

// A storage may be called index: its page does not take the place of the one of all.
func TestPageOfStorageIndex(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	named := keeper.Status{Storage: "index", Bucket: "b", Reds: []keeper.Red{{Code: "never-run", Sentence: "No pass yet.", Command: "rwm keep"}}}
	if err := page.Write(dir, []*keeper.Status{&named}, now, time.UTC); err != nil {
		t.Fatal(err)
	}
	all, err := os.ReadFile(filepath.Join(dir, "index.html"))
	if err != nil || !strings.Contains(string(all), `href="_index.html"`) {
		t.Errorf("%v", err)
	}
	if one, err := os.ReadFile(filepath.Join(dir, "_index.html")); err != nil || string(one) == string(all) {
		t.Errorf("%v", err)
	}
}
