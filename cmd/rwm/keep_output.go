package main

import (
	"cmp"
	"fmt"
	"time"

	"github.com/cesnet/rwm/keeper"
)

func (a *app) onKeeperEvent(e keeper.Event) {
	if f, ok := e.(keeper.TaskFinished); ok {
		a.detail("%s: %s: %s %s (%s)", f.Storage, f.Task, f.Outcome, f.Text, f.Duration.Round(time.Millisecond))
	}
}

// showKeeper prints the storages; report is nil if there was no pass.
func (a *app) showKeeper(all []*keeper.Status, report *keeper.Report) {
	if a.cli.JSON {
		if report != nil {
			_ = a.emit(report)
			return
		}
		_ = a.emit(all)
		return
	}
	g := &grid{header: []string{"STORAGE", "STATE", "LAST BACKUP", "LAST PROOF", "LAST DRILL", "SIZE"}, right: []int{5}}
	for _, s := range all {
		drill, size := "never", ""
		if s.Drill != nil {
			drill = formatTime(s.Drill.Time)
		}
		if s.Survey != nil {
			size = formatBytes(s.Survey.Bytes + s.Survey.OldBytes)
		}
		g.add(s.Storage, yesNo(s.Green, "GREEN", "RED"), timeOrNever(s.LastBackup), timeOrNever(s.ProvedAt), drill, size)
	}
	a.show(g)
	for _, s := range all {
		for _, r := range s.Reds {
			a.printf("\n%s is red: %s\n  to do: %s\n", s.Storage, r.Sentence, r.Command)
		}
	}
	if report != nil {
		a.detail("%s, %s received", count(report.Requests, "request"), formatBytes(report.Bytes))
	}
}

func timeOrNever(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return formatTime(t)
}

func (a *app) showPlans(plans []*keeper.Plan, every time.Duration) {
	if a.cli.JSON {
		_ = a.emit(plans)
		return
	}
	for i, p := range plans {
		if i > 0 {
			a.println()
		}
		a.printf("Storage %s (bucket %s), with a pass every %s\n", p.Storage, p.Bucket, keeper.Span(every))
		g := &grid{header: []string{"WHAT", "EVERY", "NEXT", "REQUESTS/MONTH", "BYTES/MONTH", "NOTE"}, right: []int{3, 4}}
		for _, t := range p.Tasks {
			next := ""
			if t.Runs > 0 {
				next = "next pass"
				if !t.Next.IsZero() && t.Next.After(time.Now()) {
					next = formatTime(t.Next)
				}
			}
			g.add(t.Does, t.Every, next, fmt.Sprint(t.Requests), formatBytes(t.Bytes), t.Why)
		}
		a.show(g)
		a.printf("In all %s and %s received a month (%s)", count(p.Requests, "request"), formatBytes(p.Bytes), yesNo(p.Measured, "as measured", "estimated; exact after the first passes"))
		if p.Money > 0 || p.Stored > 0 {
			a.printf(", about %.2f %s, besides %.2f for what is stored", p.Money, cmp.Or(p.Currency, "(currency of the prices)"), p.Stored)
		}
		a.println()
	}
}
