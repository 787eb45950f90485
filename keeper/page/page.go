// Package page writes what a keeper knows as HTML pages: all storages at a glance, and
// one page for each with its timeline, backups and the commands that bring the data
// back. The pages load nothing from anywhere and run no script, so they can be kept
// with the evidence, mailed and printed.
package page

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/cesnet/rwm/keeper"
)

//go:embed page.html
var source string

var pages = template.Must(template.New("page").Funcs(template.FuncMap{
	"bytes": func(n any) string {
		switch n := n.(type) {
		case int64:
			return humanize.IBytes(uint64(max(n, 0)))
		case uint64:
			return humanize.IBytes(n)
		case float64:
			return humanize.IBytes(uint64(max(n, 0)))
		}
		return ""
	},
	"percent": func(f float64) string { return fmt.Sprintf("%.0f %%", 100*f) },
	"short":   func(id string) string { return id[:min(8, len(id))] },
	"file":    file,
}).Parse(source))

// file is the name of a storage's page. No storage's name begins with an underscore.
func file(storage string) string {
	if storage == "index" {
		storage = "_index"
	}
	return storage + ".html"
}

// Write writes index.html and a page for each storage into a directory, each file in
// one step. Times are shown in the given zone.
func Write(dir string, statuses []*keeper.Status, now time.Time, zone *time.Location) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("status page: %w", err)
	}
	v := view{Zone: zone, Now: now, Statuses: statuses}
	for _, s := range statuses {
		if s.Green {
			v.Greens++
		}
		v.Open += open(s)
	}
	for _, s := range statuses {
		one := v
		one.Status = s
		if err := write(filepath.Join(dir, file(s.Storage)), "storage", one); err != nil {
			return err
		}
	}
	return write(filepath.Join(dir, "index.html"), "index", v)
}

func write(name, which string, v view) error {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, which, v); err != nil {
		return fmt.Errorf("status page: %w", err)
	}
	if err := keeper.WriteFile(name, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("status page: %w", err)
	}
	return nil
}

type view struct {
	Zone     *time.Location
	Now      time.Time
	Statuses []*keeper.Status
	Greens   int
	Open     int // alarms
	Status   *keeper.Status
}

func open(s *keeper.Status) (n int) {
	for _, a := range s.Alarms {
		if a.Acked == nil {
			n++
		}
	}
	return n
}

// Reds is how many storages are not green.
func (v view) Reds() int { return len(v.Statuses) - v.Greens }

// OpenAlarms of a storage.
func (v view) OpenAlarms(s *keeper.Status) int { return open(s) }

// Time writes a time in the zone of the pages.
func (v view) Time(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.In(v.Zone).Format("2006-01-02 15:04 MST")
}

// Ago says how long ago a time was.
func (v view) Ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return humanize.RelTime(t, v.Now, "ago", "from now")
}

// Signed writes growth a day.
func (v view) Signed(f float64) string {
	sign := "+"
	if f < 0 {
		sign = "−"
	}
	return sign + humanize.IBytes(uint64(math.Abs(f))) + "/day"
}

// bar is a step of the timeline in its drawing.
type bar struct {
	X, W, Y, H, D float64 // D is the height of what was deleted, drawn below the line
	Bad           bool
	Title         string
}

// The drawing of a timeline is 1000 wide; bars are at most 60 high each way.
const (
	width  = 1000.0
	height = 60.0
)

// tick is something at a place of the timeline.
type tick struct {
	X    float64
	Text string
}

// place is where on the timeline a time is.
func (v view) place(t time.Time) float64 {
	steps := v.Status.Steps
	first, last := steps[0].From, steps[len(steps)-1].To
	span := max(last.Sub(first).Seconds(), 1)
	return min(max(t.Sub(first).Seconds()/span*width, 0), width)
}

// Bars draws the steps of the storage's history, as storage-history --html does.
func (v view) Bars() (bars []bar) {
	steps := v.Status.Steps
	most := int64(1)
	for _, s := range steps {
		most = max(most, s.Written, s.Deleted)
	}
	tall := func(n int64) float64 {
		if n == 0 {
			return 0
		}
		return 4 + (height-4)*math.Log1p(float64(n))/math.Log1p(float64(most)) // a few must show beside thousands
	}
	for _, s := range steps {
		b := bar{X: v.place(s.From), H: tall(s.Written), D: tall(s.Deleted), Bad: s.Marks > 0}
		b.W = max(v.place(s.To)-b.X, 6)
		b.Y = height - b.H
		b.Title = fmt.Sprintf("%s to %s: %s", v.Time(s.From), v.Time(s.To), s.What)
		if s.Marks > 0 {
			b.Title += fmt.Sprintf("; %d suspicious", s.Marks)
		}
		bars = append(bars, b)
	}
	return bars
}

// States are where states were saved, as far as the timeline goes back.
func (v view) States() (ticks []tick) {
	for _, at := range v.Status.States {
		if !at.Before(v.Status.Steps[0].From) {
			ticks = append(ticks, tick{v.place(at), "state saved " + v.Time(at)})
		}
	}
	return ticks
}

// Good is where the last good moment is; nothing if it is not on the timeline.
func (v view) Good() (ticks []tick) {
	if good := v.Status.LastGood; !good.Before(v.Status.Steps[0].From) {
		ticks = append(ticks, tick{v.place(good), "last good moment " + v.Time(good)})
	}
	return ticks
}

// Newest are the steps, the newest first.
func (v view) Newest() []keeper.HistoryStep {
	steps := slices.Clone(v.Status.Steps)
	slices.Reverse(steps)
	return steps
}

// From and To bound the timeline.
func (v view) From() string { return v.Time(v.Status.Steps[0].From) }
func (v view) To() string   { return v.Time(v.Status.Steps[len(v.Status.Steps)-1].To) }

// Figures writes the figures of an alarm in a stable order.
func (v view) Figures(f map[string]float64) string {
	var parts []string
	for _, k := range sorted(f) {
		parts = append(parts, fmt.Sprintf("%s %s", strings.ReplaceAll(k, "_", " "), humanize.CommafWithDigits(f[k], 3)))
	}
	return strings.Join(parts, ", ")
}
