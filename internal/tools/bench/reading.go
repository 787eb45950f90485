package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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
	readBucket    = "reading"
	readFiles     = 4000
	readSnapshots = 60
)

// readingWork is a command that reads a history of small files.
type readingWork struct {
	name       string
	args       []string
	cold, warm string       // goals at networkDelay
	before     func() error // not timed
	// on is the repository that the command works on; nil is the one with the history.
	on   *repository
	slow bool // with restic: over the network it runs once
}

// reading compares commands that read: rwm and restic in turn on one repository, with a
// warm cache and without one.
func reading(ctx context.Context, w *world, rounds int, only *regexp.Regexp) error {
	list := w.readingWorks(ctx)
	list = slices.DeleteFunc(list, func(work readingWork) bool { return !only.MatchString("reading: " + work.name) })
	if len(list) == 0 {
		return nil
	}
	fmt.Fprintf(os.Stderr, "reading: making %d snapshots …\n", readSnapshots)
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
				if !w.wanted(delay, warm) {
					continue
				}
				if err := w.readingRow(ctx, t, r, rounds, delay, warm, work); err != nil {
					return err
				}
			}
		}
	}
	t.Render()
	return nil
}

// readingWorks are the commands. What they change they put back, or it does not matter
// to the next.
func (w *world) readingWorks(ctx context.Context) []readingWork {
	target := filepath.Join(w.dir, "read-target")
	from := "s3:" + w.s3.URL + "/" + readBucket
	copied, err := w.configure("reading-copy", "")
	makeTarget := func() error {
		if err != nil {
			return err
		}
		w.dropBucket(ctx, copied) // there is none before the first round
		_, err := w.newRepository(ctx, copied.bucket, "")
		return err
	}
	// Not removed between the rounds: ext4 is slow to create files for a minute after
	// it has deleted many, by a factor of three and more.
	restored := 0
	newTarget := func() error {
		restored++
		err := os.Rename(target, fmt.Sprint(target, restored))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return []readingWork{
		{name: "dump of 4,000 files as tar", args: []string{"dump", "latest", "/"}, cold: "≥ 50×", slow: true},
		{name: "restore of them", args: []string{"restore", "latest", "--target", target}, cold: "≥ 4×", before: newTarget},
		{name: "restore over them", args: []string{"restore", "latest", "--target", target}, warm: "all cores"},
		{name: "find in 60 snapshots", args: []string{"find", "report-0042.txt"}, cold: "≥ 3×", warm: "≥ 5×"},
		{name: "rewrite --dry-run of 60 snapshots", args: []string{"rewrite", "--dry-run", "--exclude", "report-0042.txt"}, warm: "≥ 5×"},
		{name: "stats", args: []string{"stats"}, warm: "≥ 3×"},
		{name: "stats --mode raw-data", args: []string{"stats", "--mode", "raw-data"}, warm: "≥ 3×"},
		{name: "diff of the first and the last", args: []string{"diff", "$FIRST", "$LAST"}, cold: "≥ 2×"},
		{name: "ls", args: []string{"ls", "latest"}, cold: "≥ 2×", warm: "≥ 1.7×"},
		{name: "snapshots", args: []string{"snapshots"}, cold: "≥ 2×", warm: "≥ 1.7×"},
		{name: "cat config", args: []string{"cat", "config"}, warm: "≥ 1.7×"},
		{name: "key list", args: []string{"key", "list"}, warm: "≥ 1.7×"},
		{name: "tag", args: []string{"tag", "--set", "kept", "latest"}, warm: "≥ 1.7×"},
		{name: "check", args: []string{"check"}, cold: "≥ 2×"},
		{name: "check --read-data", args: []string{"check", "--read-data"}, cold: "≥ 2×"},
		{name: "copy of the last to another bucket", args: []string{"copy", "--from-repo", from, "$LAST"}, cold: "≥ 2×", before: makeTarget, on: &copied},
	}
}

// wanted reports whether a row's delay and cache were asked for.
func (w *world) wanted(delay time.Duration, warm bool) bool {
	if w.delay != "" && w.delay != delay.String() {
		return false
	}
	return w.cache == "" || w.cache == "warm" == warm
}

func (w *world) readingRow(ctx context.Context, t table.Writer, r repository, rounds int, delay time.Duration, warm bool, work readingWork) error {
	if work.on != nil {
		r = *work.on
	}
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
			if i == 1 && work.slow && delay > 0 && len(costs[i]) > 0 {
				continue
			}
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
	r, err = w.newRepository(ctx, readBucket, "")
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
