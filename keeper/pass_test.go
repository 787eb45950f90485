package keeper_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/keeper"
)

const day = 24 * time.Hour

// A storage is green once everything is proved, goes red for what happens to it, is
// told of once, and goes green again.
func TestDailyLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "web1")
	for d := range 8 {
		w.write("web1", fmt.Sprintf("docs/0/new %d.txt", d), prose(100+d, 2000))
		w.backup("web1")
		w.advance(time.Hour)
		report := w.pass()
		green(t, report)
		s := report.Storages[0]
		if s.Proof == nil || !s.Proof.Proved || s.Drill == nil || s.Drill.Files == 0 || len(s.Drill.Failed) > 0 {
			t.Fatalf("day %d: proof %+v, drill %+v", d, s.Proof, s.Drill)
		}
		if len(s.Backups) != 1 || s.Backups[0].Name != "home" || s.Backups[0].Snapshots != d+1 {
			t.Errorf("day %d: backups %+v", d, s.Backups)
		}
		w.advance(23 * time.Hour)
	}
	if len(w.told) != 0 {
		t.Errorf("told of a good week: %+v", w.told)
	}
	if want := []keeper.Ping{keeper.PingStart, keeper.PingSuccess}; !slices.Equal(w.pings[:2], want) {
		t.Errorf("pings %v, want %v", w.pings[:2], want)
	}

	// The host stops.
	for range 4 {
		w.advance(day)
		w.pass()
	}
	if !slices.ContainsFunc(w.told, func(c keeper.Change) bool { return strings.Contains(c.Text, "The last backup came") }) {
		t.Fatalf("told %+v", w.told)
	}
	if n := len(w.told); n > 2 { // expect_backup_within, and what was usual
		t.Errorf("%d messages about one stopped host", n)
	}
	known := len(w.told)
	w.backup("web1")
	w.advance(time.Hour)
	green(t, w.pass())
	if len(w.told) != known+1 || !w.told[known].Green {
		t.Errorf("told %+v", w.told[known:])
	}
}

// A pass over a storage in which nothing happened costs few requests, and nothing is
// judged or proved again.
func TestUneventfulPassIsCheap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "web1")
	w.backup("web1")
	w.advance(time.Hour)
	green(t, w.pass())
	w.advance(20 * time.Hour)
	green(t, w.pass())
	w.advance(4 * time.Hour)
	w.ResetRequests(t)
	report := w.pass()
	green(t, report)
	if report.Requests != int64(len(w.Requests(t))) {
		t.Errorf("counted %d requests, the server saw %d", report.Requests, len(w.Requests(t)))
	}
	if report.Requests > 60 {
		t.Errorf("%d requests", report.Requests)
	}
}

// listings are how often the whole bucket was listed since the requests were reset.
func (w *world) listings() (n int) {
	w.t.Helper()
	for _, r := range w.Requests(w.t) {
		if q := r.Query; strings.Contains(q, "versions") && !strings.Contains(q, "prefix=") {
			n++
		}
	}
	return n
}

// A pass lists the bucket once for itself and the history, once for the saved states
// that are new, once to read packs, and once for both moments of a drill.
func TestListings(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "web1")
	w.cfg.Storages["web1"].ExpectBackupWithin = keeper.Never()
	for _, c := range []struct {
		name  string
		after time.Duration
		runs  int
		want  int
	}{
		{"first", time.Hour, 1, 4}, {"uneventful", 4 * time.Hour, 0, 1}, {"after a backup", 8 * time.Hour, 1, 2},
		{"after two", time.Hour, 2, 2}, {"uneventful for a week", 7 * day, 0, 3},
	} {
		for range c.runs {
			w.write("web1", "docs/0/new.txt", noise(3000))
			w.backup("web1")
		}
		w.advance(c.after)
		w.ResetRequests(t)
		green(t, w.pass())
		if n := w.listings(); n != c.want {
			t.Errorf("%s: the bucket was listed %d times, not %d", c.name, n, c.want)
		}
	}
}

// Files renamed and encrypted on the host are an alarm at the next pass. It stays red
// until a person has acknowledged it, and is told once.
func TestRansomwareOnTheHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "web1")
	for d := range 3 {
		w.write("web1", fmt.Sprintf("docs/1/new %d.txt", d), prose(100+d, 2000))
		w.backup("web1")
		w.advance(time.Hour)
		green(t, w.pass())
		w.advance(23 * time.Hour)
	}
	files, err := filepath.Glob(w.path("web1", "docs/*/*.txt"))
	if err != nil || len(files) < 40 {
		t.Fatal(len(files), err)
	}
	for _, f := range files {
		if err := os.WriteFile(f+".lockbit", []byte(noise(3000)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	w.write("web1", "docs/1/HOW_TO_DECRYPT.txt", "pay")
	w.write("web1", "docs/2/HOW_TO_DECRYPT.txt", "pay")
	w.backup("web1")
	w.advance(time.Hour)
	s := w.pass().Storages[0]
	kinds := map[string]*keeper.Alarm{}
	for _, a := range s.Alarms {
		kinds[string(a.Kind)] = a
	}
	for _, kind := range []string{"renamed", "encrypted", "changed", "note"} {
		a := kinds[kind]
		if a == nil {
			t.Errorf("no alarm %q among %v", kind, codes(s))
			continue
		}
		if a.Host != "web1" || a.Backup != "home" || len(a.Paths) == 0 || len(a.Figures) == 0 {
			t.Errorf("alarm %+v", a)
		}
	}
	if !s.Frozen || s.Green {
		t.Errorf("frozen %t, green %t", s.Frozen, s.Green)
	}
	if len(w.told) != 1 || !strings.Contains(w.told[0].Text, ".lockbit") {
		t.Fatalf("told %+v", w.told)
	}
	w.advance(day)
	w.backup("web1")
	w.advance(time.Hour)
	w.pass()
	if len(w.told) != 1 {
		t.Errorf("told again: %+v", w.told[1:])
	}
	if err := w.keeper().Acknowledge("web1", "all", "ann", "restored from backup"); err != nil {
		t.Fatal(err)
	}
	w.advance(time.Hour)
	green(t, w.pass())
	if len(w.told) != 2 || !w.told[1].Green {
		t.Errorf("told %+v", w.told[1:])
	}
}
