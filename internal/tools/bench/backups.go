package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
)

// backups compares backups of many small files: rwm, restic and kopia in turn, on
// the same files, each into a repository of its own. Seconds depend on what else
// the machine does; seconds of CPU hardly do.
func backups(ctx context.Context, w *world, rounds int, only *regexp.Regexp) error {
	works := w.backupWorks(rounds)
	wanted := func(work backupWork) bool { return only.MatchString("backups: " + work.name) }
	if !slices.ContainsFunc(works, wanted) {
		return nil
	}
	dir := filepath.Join(w.dir, "many")
	rng := rand.New(rand.NewPCG(1, 1))
	if err := manyFiles(dir, w.files, rng); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	programs, err := w.backupPrograms(ctx, dir)
	if err != nil {
		return err
	}
	t := table.NewWriter()
	t.SetOutputMirror(os.Stdout)
	t.AppendHeader(table.Row{"backup", "program", "takes", "CPU", "peak memory", "requests", "restic / rwm", "CPU", "goal"})
	for i, work := range works {
		if i > 0 && !wanted(work) {
			continue // the first one makes what the others need
		}
		costs := make([][]cost, len(programs))
		for round := range work.rounds {
			if work.changes {
				if err := changeSome(dir, w.files, round, rng); err != nil {
					return err
				}
			}
			for i, p := range programs {
				c, err := w.measure(p.command(ctx))
				if err != nil {
					return err
				}
				costs[i] = append(costs[i], c)
			}
		}
		ours, restic := medianCost(costs[0]), medianCost(costs[1])
		for i, p := range programs {
			c := medianCost(costs[i])
			row := table.Row{work.name, p.name, c.took.Round(10 * time.Millisecond), c.cpu.Round(10 * time.Millisecond), humanize.IBytes(uint64(c.resident)), c.requests}
			if i == 0 {
				row = append(row, fmt.Sprintf("%.1f×", restic.took.Seconds()/ours.took.Seconds()), fmt.Sprintf("%.1f×", restic.cpu.Seconds()/ours.cpu.Seconds()), work.goal)
			}
			t.AppendRow(row)
		}
		t.AppendSeparator()
	}
	t.Render()
	return nil
}

// backupWork is a backup after another one, but for the first.
type backupWork struct {
	name, goal string
	rounds     int
	changes    bool // one file in a hundred, before each round
}

func (w *world) backupWorks(rounds int) []backupWork {
	n := humanize.Comma(int64(w.files))
	return []backupWork{
		{"first, " + n + " files", "≥ 1.5× restic", 1, false},
		{n + " unchanged files", "≥ 4× restic, ≤ kopia", rounds, false},
		{"1 % of " + n + " files changed", "≥ 4× restic, ≤ kopia", rounds, true},
	}
}

// A backupProgram backs up one directory again and again.
type backupProgram struct {
	name    string
	command func(ctx context.Context) *exec.Cmd
}

func (w *world) backupPrograms(ctx context.Context, dir string) ([]backupProgram, error) {
	mine, err := w.newRepository(ctx, "many-rwm", "")
	if err != nil {
		return nil, err
	}
	theirs, err := w.newRepository(ctx, "many-restic", "")
	if err != nil {
		return nil, err
	}
	list := []backupProgram{
		{"rwm", func(ctx context.Context) *exec.Cmd { return w.rwmCommand(ctx, mine, "restic", "backup", dir) }},
		{"restic", func(ctx context.Context) *exec.Cmd { return w.resticCommand(ctx, theirs, "backup", dir) }},
	}
	if w.kopia == "" {
		return list, nil
	}
	third, err := w.newBucket(ctx, "many-kopia", "")
	if err != nil {
		return nil, err
	}
	create := w.kopiaCommand(ctx, "repository", "create", "s3", "--bucket", third.bucket, "--disable-tls",
		"--endpoint", strings.TrimPrefix(w.s3.URL, "http://"))
	if err := run(create); err != nil {
		return nil, err
	}
	return append(list, backupProgram{"kopia", func(ctx context.Context) *exec.Cmd {
		return w.kopiaCommand(ctx, "snapshot", "create", "--no-progress", dir)
	}}), nil
}

func (w *world) kopiaCommand(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, w.kopia, args...)
	home := filepath.Join(w.dir, "kopia")
	cmd.Env = append(os.Environ(), "KOPIA_PASSWORD="+password, "KOPIA_CONFIG_PATH="+home+"/config", "KOPIA_CACHE_DIRECTORY="+home+"/cache",
		"KOPIA_LOG_DIR="+home+"/log", "KOPIA_CHECK_FOR_UPDATES=false", "AWS_ACCESS_KEY_ID="+access, "AWS_SECRET_ACCESS_KEY="+secret)
	return cmd
}

// cost is what one run of a program took.
type cost struct {
	took, cpu time.Duration
	resident  int64 // largest, in bytes
	requests  int
}

func (w *world) measure(cmd *exec.Cmd) (c cost, err error) {
	if err := w.s3.Tell(http.MethodDelete, "/requests", struct{}{}, nil); err != nil {
		return c, err
	}
	if c.took, err = timed(func() error { return run(cmd) }); err != nil {
		return c, err
	}
	c.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if c.resident, err = maxResident(cmd.ProcessState); err != nil {
		return c, err
	}
	var log []struct{}
	err = w.s3.Tell(http.MethodGet, "/requests", struct{}{}, &log)
	c.requests = len(log)
	return c, err
}

// medianCost takes the median of each figure.
func medianCost(all []cost) cost {
	of := func(get func(cost) int64) int64 {
		list := make([]int64, len(all))
		for i, c := range all {
			list[i] = get(c)
		}
		slices.Sort(list)
		return list[len(list)/2]
	}
	return cost{
		took:     time.Duration(of(func(c cost) int64 { return int64(c.took) })),
		cpu:      time.Duration(of(func(c cost) int64 { return int64(c.cpu) })),
		resident: of(func(c cost) int64 { return c.resident }),
		requests: int(of(func(c cost) int64 { return int64(c.requests) })),
	}
}

const filesPerDir = 100

// manyFile is the path of the nth file.
func manyFile(dir string, n int) string {
	d := n / filesPerDir
	return filepath.Join(dir, fmt.Sprintf("user%02d", d/100), fmt.Sprintf("project-%d", d/10%10), fmt.Sprintf("part-%d", d%10), fmt.Sprintf("report-%04d.txt", n%filesPerDir))
}

// manyFiles makes n files of up to 800 bytes.
func manyFiles(dir string, n int, rng *rand.Rand) error {
	for i := range n {
		path := manyFile(dir, i)
		if i%filesPerDir == 0 {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
		}
		if err := os.WriteFile(path, someBytes(rng), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func someBytes(rng *rand.Rand) []byte {
	buf := make([]byte, 50+rng.IntN(750))
	for i := range buf {
		buf[i] = byte(rng.Uint32())
	}
	return buf
}

// changeSome writes one file in a hundred anew.
func changeSome(dir string, n, round int, rng *rand.Rand) error {
	for i := round % 100; i < n; i += 100 {
		if err := os.WriteFile(manyFile(dir, i-i%filesPerDir+rng.IntN(filesPerDir)), someBytes(rng), 0o644); err != nil {
			return err
		}
	}
	return nil
}
