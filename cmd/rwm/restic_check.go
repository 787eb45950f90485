package main

import (
	"errors"
	"fmt"

	"github.com/cesnet/rwm/internal/plural"
	"github.com/cesnet/rwm/restic"
)

type resticCheckCmd struct {
	reads
	IDs            []string `arg:"" optional:"" name:"snapshot" help:"Check only what these snapshots use."`
	ReadData       bool     `help:"Read and check all data."`
	ReadDataSubset string   `help:"Read a SUBSET of the packs: part n of t as n/t, x% at random, or a size." placeholder:"SUBSET"`
	CheckUnused    bool     `hidden:"" help:"Has no effect, as in restic."`
	WithCache      bool     `help:"Use the cache, read from the repository only what is not in it."`
	snapshotFlags
}

func (resticCheckCmd) Help() string {
	return `Looks past the cache unless told otherwise: a warm cache hides what was damaged in the
bucket. A check runs beside backups. It changes nothing.`
}

func (c resticCheckCmd) Run(a *app) error {
	opts := restic.CheckOptions{Filter: c.filter(c.IDs...), ReadData: c.ReadData, WithCache: c.WithCache, OnEvent: a.onCheckEvent}
	if c.ReadDataSubset != "" {
		if c.ReadData {
			return usageError{errors.New("--read-data and --read-data-subset cannot be used together")}
		}
		subset, err := restic.ParseReadSubset(c.ReadDataSubset)
		if err != nil {
			return usageError{fmt.Errorf("--read-data-subset: %w", err)}
		}
		opts.ReadData, opts.Subset = true, subset
	}
	s, err := a.session()
	if err != nil {
		return a.checkFailed(err)
	}
	defer a.close(s)
	result, err := s.Check(a.ctx, opts)
	if result == nil {
		return a.checkFailed(err)
	}
	a.bar.end()
	a.showCheck(result, err)
	return err
}

func (a *app) onCheckEvent(ev restic.Event) {
	found, ok := ev.(restic.CheckFinding)
	switch {
	case !ok:
		a.onEvent(ev)
	case a.cli.JSON && found.Damage():
		_ = emitTo(a.stderr, jsonCheckError{"error", found.Error()})
	case a.cli.JSON:
	case found.Damage():
		a.warn("error: %v", found)
	default:
		a.detail("%v", found)
	}
}

type jsonCheckError struct {
	MessageType string `json:"message_type"`
	Message     string `json:"message"`
}

// jsonCheckSummary has restic's fields first.
type jsonCheckSummary struct {
	MessageType     string         `json:"message_type"`
	NumErrors       int            `json:"num_errors"`
	BrokenPacks     []string       `json:"broken_packs"`
	HintRepairIndex bool           `json:"suggest_repair_index"`
	HintPrune       bool           `json:"suggest_prune"`
	Affected        []jsonAffected `json:"affected_snapshots,omitempty"`
}

type jsonAffected struct {
	ID    restic.ID `json:"id"`
	Paths []string  `json:"paths"`
}

func (a *app) checkFailed(err error) error {
	if a.cli.JSON {
		_ = a.emit(jsonCheckSummary{MessageType: "summary", NumErrors: 1})
	}
	return err
}

func (a *app) showCheck(r *restic.CheckResult, err error) {
	if a.cli.JSON {
		summary := jsonCheckSummary{MessageType: "summary", NumErrors: r.Errors, HintRepairIndex: r.SuggestRepairIndex, HintPrune: r.SuggestPrune}
		if err != nil && summary.NumErrors == 0 {
			summary.NumErrors = 1
		}
		for _, id := range r.DamagedPacks {
			summary.BrokenPacks = append(summary.BrokenPacks, id.String())
		}
		for _, sn := range r.Affected {
			summary.Affected = append(summary.Affected, jsonAffected{sn.ID, sn.Paths})
		}
		_ = a.emit(summary)
		return
	}
	a.say("checked %s, %s, %s", count(r.Snapshots, "snapshot"), count(r.Trees, "tree"), count(r.Packs, "pack"))
	if r.PacksRead > 0 {
		a.say("read %s, %s", count(r.PacksRead, "pack"), formatBytes(r.BytesRead))
	}
	for _, sn := range r.Affected {
		a.showAffected(sn)
	}
	if r.SuggestRepairIndex {
		a.say("`rwm restic repair index` puts the index right")
	}
	if r.SuggestPrune {
		a.say("some data is stored needlessly, which harms nothing; `rwm restic prune` removes it")
	}
	if err == nil {
		a.say("no errors were found")
	}
}

// maxPathsShown keeps the list of a large loss readable; --json and -v list all.
const maxPathsShown = 10

func (a *app) showAffected(sn restic.AffectedSnapshot) {
	a.println(fmt.Sprintf("snapshot %s cannot be restored whole: %s %s hit", sn.ID.Short(), count(len(sn.Paths), "path"), plural.Are(len(sn.Paths))))
	for i, path := range sn.Paths {
		if i == maxPathsShown && a.cli.Verbose == 0 {
			a.println("  … (-v shows all)")
			return
		}
		a.println("  " + printable(path))
	}
}
