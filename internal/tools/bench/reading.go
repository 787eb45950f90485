package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
)

const (
	readFiles     = 4000
	readSnapshots = 60
)

// readingWork is a command that reads a history of small files.
type readingWork struct {
	name       string
	args       []string
	cold, warm string       // goals at networkDelay
	before     func() error // not timed
}

// reading compares commands that read: rwm and restic in turn on one repository, with a
// warm cache and without one.
func reading(ctx context.Context, w *world, rounds int, only *regexp.Regexp) error {
	target := filepath.Join(w.dir, "read-target")
	list := []readingWork{
		{"dump of 4,000 files as tar", []string{"dump", "latest", "/"}, "≥ 50×", "", nil},
		{"restore of them", []string{"restore", "latest", "--target", target}, "≥ 4×", "", func() error { return os.RemoveAll(target) }},
		{"restore over them", []string{"restore", "latest", "--target", target}, "", "all cores", nil},
		{"find in 60 snapshots", []string{"find", "report-0042.txt"}, "≥ 3×", "≥ 5×", nil},
		{"rewrite --dry-run of 60 snapshots", []string{"rewrite", "--dry-run", "--exclude", "report-0042.txt"}, "", "≥ 5×", nil},
		{"stats", []string{"stats"}, "", "≥ 3×", nil},
		{"stats --mode raw-data", []string{"stats", "--mode", "raw-data"}, "", "≥ 3×", nil},
		{"diff of the first and the last", []string{"diff", "$FIRST", "$LAST"}, "≥ 2×", "", nil},
		{"ls", []string{"ls", "latest"}, "≥ 2×", "", nil},
		{"snapshots", []string{"snapshots"}, "≥ 2×", "≥ 1.7×", nil},
		{"cat config", []string{"cat", "config"}, "", "≥ 1.7×", nil},
		{"key list", []string{"key", "list"}, "", "≥ 1.7×", nil},
		{"check", []string{"check"}, "≥ 2×", "", nil},
		{"check --read-data", []string{"check", "--read-data"}, "≥ 2×", "", nil},
	}
	list = slices.DeleteFunc(list, func(work readingWork) bool { return !only.MatchString("reading: " + work.name) })
	if len(list) == 0 {
		return nil
	}
	r, ids, err := w.smallFiles(ctx)
	if err != nil {
		return err
	}
	defer w.dropBucket(ctx, r)
	t := table.NewWriter()
	t.SetOutputMirror(os.Stdout)
	t.AppendHeader(table.Row{"reading", "delay", "cache", "program", "takes", "CPU", "peak memory", "requests", "restic / rwm", "CPU", "goal"})
	for _, work := range list {
		for i, arg := range work.args {
			switch arg {
			case "$FIRST":
				work.args[i] = ids[0]
			case "$LAST":
				work.args[i] = ids[len(ids)-1]
			}
		}
		for _, delay := range []time.Duration{0, networkDelay} {
			for _, warm := range []bool{false, true} {
				if err := w.readingRow(ctx, t, r, rounds, delay, warm, work); err != nil {
					return err
				}
			}
		}
	}
	t.Render()
	return nil
}

func (w *world) readingRow(ctx context.Context, t table.Writer, r repository, rounds int, delay time.Duration, warm bool, work readingWork) error {
	programs := []struct {
		name, cache string
		command     func() *exec.Cmd
	}{
		{"rwm", filepath.Join(w.dir, "cache-rwm"), func() *exec.Cmd { return w.rwmCommand(ctx, r, append([]string{"restic"}, work.args...)...) }},
		{"restic", filepath.Join(w.dir, "cache-restic"), func() *exec.Cmd { return w.resticCommand(ctx, r, work.args...) }},
	}
	cache, goal, first := "cold", work.cold, 1
	if warm {
		cache, goal, first = "warm", work.warm, 0 // one that does not count
	}
	if delay == 0 {
		goal = ""
	}
	var costs [2][]cost
	for round := first; round <= rounds; round++ {
		for i, p := range programs {
			if !warm {
				if err := os.RemoveAll(p.cache); err != nil {
					return err
				}
			}
			if work.before != nil {
				if err := work.before(); err != nil {
					return err
				}
			}
			if err := w.latency(delay); err != nil {
				return err
			}
			c, err := w.measure(p.command())
			if err := w.latency(0); err != nil {
				return err
			}
			if err != nil {
				return err
			}
			if round > 0 {
				costs[i] = append(costs[i], c)
			}
		}
	}
	ours, restic := medianCost(costs[0]), medianCost(costs[1])
	for i, p := range programs {
		c := medianCost(costs[i])
		row := table.Row{work.name, delay, cache, p.name, c.took.Round(10 * time.Millisecond), c.cpu.Round(10 * time.Millisecond), humanize.IBytes(uint64(c.resident)), c.requests}
		if i == 0 {
			row = append(row, fmt.Sprintf("%.1f×", restic.took.Seconds()/ours.took.Seconds()), fmt.Sprintf("%.1f×", restic.cpu.Seconds()/ours.cpu.Seconds()), goal)
		}
		t.AppendRow(row)
		fmt.Fprintln(os.Stderr, row...) // the table comes at the end, if nothing fails
	}
	t.AppendSeparator()
	return nil
}

// smallFiles makes the repository, each of whose snapshots has changes in one file of a
// hundred, and returns their IDs, oldest first.
func (w *world) smallFiles(ctx context.Context) (r repository, ids []string, err error) {
	r, err = w.newRepository(ctx, "reading", "")
	if err != nil {
		return r, nil, err
	}
	dir := filepath.Join(w.dir, "reading")
	defer os.RemoveAll(dir)
	rng := rand.New(rand.NewPCG(2, 2))
	if err := manyFiles(dir, readFiles, rng); err != nil {
		return r, nil, err
	}
	for i := range readSnapshots {
		if err := changeSome(dir, readFiles, i, rng); err != nil {
			return r, nil, err
		}
		if err := w.runRestic(ctx, r, "backup", dir); err != nil {
			return r, nil, err
		}
	}
	ids, err = w.snapshots(ctx, r)
	return r, ids, err
}

func (w *world) snapshots(ctx context.Context, r repository) (ids []string, err error) {
	out, err := w.resticCommand(ctx, r, "snapshots", "--json").Output()
	if err != nil {
		return nil, err
	}
	var list []struct{ ID string }
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("no snapshots")
	}
	for _, sn := range list {
		ids = append(ids, sn.ID)
	}
	return ids, nil
}
