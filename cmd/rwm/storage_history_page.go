package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"time"

	"github.com/cesnet/rwm/s3state"
)

//go:embed storage_history.html
var historyHTML string

var historyTemplate = template.Must(template.New("history").Parse(historyHTML))

type pageStep struct {
	N                                 int
	From, To, What                    string
	Left, Width, Top, Writes, Deletes float64 // in units of the timeline
	Bad, Good                         bool
}

type pageTick struct {
	Left float64
	Text string
}

type pageSuspicion struct{ Time, Reason, Key string }

type page struct {
	Bucket, Zone, Made string
	Good, GoodState    string
	GoodName, Proof    string
	Notes              []pageSuspicion
	GoodLeft           float64
	Steps              []pageStep
	States             []pageTick
	Ticks              []pageTick
	Suspicions         []pageSuspicion
	Total              int
	Commands           []string
}

// The timeline is 1000 units long; bars are at most 60 high.
const (
	timelineLength = 1000.0
	barHeight      = 60.0
)

// historyPage writes the history as a page of its own: no script, nothing
// loaded from elsewhere, so it can be kept with the evidence.
func historyPage(w io.Writer, h *s3state.History, commands []string, zone *time.Location) error {
	format := func(t time.Time) string { return t.In(zone).Format("2006-01-02 15:04:05") }
	p := page{Bucket: h.Bucket, Zone: time.Now().In(zone).Format("MST (-07:00)"), Made: format(time.Now()), Total: h.Total, Commands: commands}
	place := timeline(h)
	most := 1.0
	for _, st := range h.Steps {
		written, deleted := volume(st)
		most = max(most, written, deleted)
	}
	height := func(n float64) float64 {
		if n == 0 {
			return 0
		}
		return 4 + (barHeight-4)*math.Log1p(n)/math.Log1p(most) // a few must show beside thousands
	}
	for i, st := range h.Steps {
		written, deleted := volume(st)
		s := pageStep{
			N: i + 1, From: format(st.From), To: format(st.To), What: describeCounts(st.Counts), Bad: st.Suspicions > 0,
			Left: place(st.From), Writes: height(written), Deletes: height(deleted),
		}
		s.Top = barHeight + 4 - s.Writes
		s.Width = max(place(st.To)-s.Left, 6)
		s.Good = !h.LastGood.IsZero() && stepOf(h, h.LastGood) == i
		p.Steps = append(p.Steps, s)
	}
	for _, s := range h.States {
		p.States = append(p.States, pageTick{place(s.Time), s.Key + ", saved " + format(s.Time)})
	}
	if n := len(h.Steps); n > 0 {
		first, last := h.Steps[0].From, h.Steps[n-1].To
		for i := range 5 {
			at := first.Add(last.Sub(first) * time.Duration(i) / 4)
			p.Ticks = append(p.Ticks, pageTick{place(at), at.In(zone).Format("Jan 2 15:04")})
			if !last.After(first) {
				break
			}
		}
	}
	for _, s := range h.Suspicions {
		p.Suspicions = append(p.Suspicions, pageSuspicion{format(s.Time), printable(s.Reason), printable(s.Key)})
	}
	for _, s := range h.Notes {
		p.Notes = append(p.Notes, pageSuspicion{format(s.Time), string(s.Standing) + ": " + printable(s.Reason), printable(s.Key)})
	}
	p.GoodName, p.Proof = goodName(h), proofText(h.Proof)
	if h.Proof.Verdict == s3state.Proved {
		p.Proof = fmt.Sprintf("proved: %s, %s, %s; %s looked at, %s", count(h.Proof.Snapshots, "snapshot"), count(h.Proof.Packs, "pack"),
			yesNo(h.Proof.DataRead, "all data read", "data not read"), count(h.Proof.Tried, "moment"), count(h.Proof.Requests, "request"))
	}
	if !h.LastGood.IsZero() {
		p.Good, p.GoodLeft = h.LastGood.In(zone).Format("2006-01-02 15:04:05 MST (-07:00)"), place(h.LastGood)
	}
	if s := h.LastGoodState; s != nil {
		p.GoodState = s.Key + " version " + s.VersionID
	}
	return historyTemplate.Execute(w, p)
}

func volume(st s3state.Step) (written, deleted float64) {
	for _, c := range st.Counts {
		if c.Change == s3state.Deleted {
			deleted += float64(c.N)
		} else {
			written += float64(c.N)
		}
	}
	return written, deleted
}

// timeline returns where on the line a time is.
func timeline(h *s3state.History) func(time.Time) float64 {
	if len(h.Steps) == 0 {
		return func(time.Time) float64 { return 0 }
	}
	first, last := h.Steps[0].From, h.Steps[len(h.Steps)-1].To
	span := max(last.Sub(first).Seconds(), 1)
	return func(t time.Time) float64 {
		return min(max(t.Sub(first).Seconds()/span*timelineLength, 0), timelineLength)
	}
}
