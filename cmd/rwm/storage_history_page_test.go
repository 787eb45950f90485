package main

import (
	"bytes"
	"image/png"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/s3state"
)

func sampleHistory() *s3state.History {
	day := func(d, h int) time.Time { return time.Date(2026, 11, d, h, 0, 0, 0, time.UTC) }
	h := &s3state.History{Bucket: "backups"}
	for d := 1; d <= 20; d++ {
		h.Steps = append(h.Steps, s3state.Step{From: day(d, 2), To: day(d, 3), Counts: []s3state.Count{
			{Type: s3state.TypePack, Change: s3state.Written, N: int64(10 + d*d%7), Bytes: 160 << 20},
			{Type: s3state.TypeIndex, Change: s3state.Written, N: 1},
			{Type: s3state.TypeSnapshot, Change: s3state.Written, N: 1},
			{Type: s3state.TypeLock, Change: s3state.Deleted, N: 1},
		}})
		h.States = append(h.States, s3state.SavedState{Key: "rwm/state_" + day(d, 3).Format(time.RFC3339), VersionID: "v", Time: day(d, 3)})
	}
	h.Steps[6].Counts = append(h.Steps[6].Counts, s3state.Count{Type: s3state.TypePack, Change: s3state.Deleted, N: 40})
	h.Steps = append(h.Steps, s3state.Step{From: day(21, 14), To: day(21, 20), Suspicions: 250, Counts: []s3state.Count{
		{Type: s3state.TypePack, Change: s3state.Overwritten, N: 250}, {Type: s3state.TypePack, Change: s3state.Deleted, N: 190},
	}})
	h.Total = 250
	h.Suspicions = []s3state.Suspicion{
		{Time: day(21, 14), Key: `data/00/</td><script>document.title="owned"</script>`, Reason: "a pack was overwritten with something else"},
		{Time: day(21, 15), Key: "data/01/ab\u202ecd", Reason: "a pack was overwritten with something else"},
	}
	h.LastGood, h.LastGoodState = day(20, 3), &h.States[19]
	return h
}

// A real browser shows the page: the timeline is drawn, what an attacker put
// into keys is text, and nothing is loaded.
func TestHistoryPageInBrowser(t *testing.T) {
	a := &app{ctx: t.Context(), cli: cli{Config: "admin.conf"}}
	h := sampleHistory()
	dir := t.TempDir()
	if keep := os.Getenv("RWM_KEEP_PAGE"); keep != "" {
		dir = keep
	}
	file := filepath.Join(dir, "history.html")
	if err := a.writeHistoryPage(file, h); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("%v %v", info, err)
	}
	address := (&url.URL{Scheme: "file", Path: filepath.ToSlash(file)}).String()
	dom := string(harness.Chromium(t, "--dump-dom", address))
	for text, n := range map[string]int{
		`<g class="step">`: 21, `class="suspicious"`: 2, `<circle class="state"`: 20, `<tr class="good">`: 1, `<tr class="bad">`: 1,
		"<title>History of bucket backups</title>": 1, "<script": 0, `id="lastgood"`: 1,
		"rwm --config admin.conf restic --at": 3, "250 suspicious changes": 1, "&lt;script&gt;": 1, `\u202e`: 1,
	} {
		if got := strings.Count(dom, text); got != n {
			t.Errorf("%q is %d times in the page, expected %d", text, got, n)
		}
	}
	shot := filepath.Join(dir, "history.png")
	harness.Chromium(t, "--window-size=1200,1600", "--screenshot="+shot, address)
	f, err := os.Open(shot)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	// the bars are there, in their colours
	seen := map[[3]uint32]int{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			r, g, b, _ := img.At(x, y).RGBA()
			seen[[3]uint32{r >> 8, g >> 8, b >> 8}]++
		}
	}
	for name, colour := range map[string][3]uint32{
		"written": {0x2f, 0x6f, 0xb7}, "deleted": {0x9a, 0x67, 0x00}, "suspicious": {0xb3, 0x26, 0x1e}, "last good": {0x1a, 0x7f, 0x37},
	} {
		if seen[colour] < 100 {
			t.Errorf("%s: %d pixels", name, seen[colour])
		}
	}
}

// A history of nothing, and one without anything good, are pages too.
func TestHistoryPageOfLittle(t *testing.T) {
	empty := &s3state.History{Bucket: "b"}
	at := time.Now()
	bad := &s3state.History{Bucket: "b", Steps: []s3state.Step{{From: at, To: at, Suspicions: 1}}, Total: 1,
		Suspicions: []s3state.Suspicion{{Time: at, Reason: "x"}}}
	for _, h := range []*s3state.History{empty, bad} {
		var out bytes.Buffer
		if err := historyPage(&out, h, (&app{}).goOn(h), time.UTC); err != nil {
			t.Error(err)
		}
		if strings.Contains(out.String(), "NaN") || !strings.Contains(out.String(), "There is no good moment") {
			t.Error(out.String())
		}
	}
}
