//go:build linux

// Mountbench compares rwm's mount with `restic mount`: the same work on the same
// repositories, in turn, in one run, on the embedded S3 server with added
// latency. Every run begins with an empty cache and a fresh mount. It prints the
// ratio of the medians and the largest resident sizes. Nothing is asserted.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
)

// settings are the flags.
type settings struct {
	server, restic string
	latency        time.Duration
	rounds         int
	resticRounds   int
	big            int // MiB
	files, small   int
	only           string
	limits         bool
	cache          int // MiB
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == serveCommand {
		serve(os.Args[2:])
		return
	}
	var s settings
	flag.StringVar(&s.server, "s3dev", "bin/s3dev", "the embedded S3 server")
	flag.StringVar(&s.restic, "restic", ".tools/restic", "the restic command")
	flag.DurationVar(&s.latency, "latency", 20*time.Millisecond, "added to every request")
	flag.IntVar(&s.rounds, "rounds", 5, "rounds of each workload")
	flag.IntVar(&s.resticRounds, "restic-rounds", 0, "rounds of restic, if there shall be fewer")
	flag.IntVar(&s.big, "big", 1024, "size of the big file in MiB")
	flag.IntVar(&s.files, "files", 50_000, "number of files to find")
	flag.IntVar(&s.small, "small", 5_000, "number of small files to read")
	flag.IntVar(&s.cache, "cache", 128, "budget of our cache in MiB")
	flag.StringVar(&s.only, "only", "", "run the workloads whose name matches this regular expression")
	flag.BoolVar(&s.limits, "limits", true, "also measure what the mount cannot be faster than")
	flag.Parse()
	s.resticRounds = cmp.Or(s.resticRounds, s.rounds)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := bench(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "mountbench:", err)
		stop()
		os.Exit(1)
	}
}

func bench(ctx context.Context, s settings) error {
	pattern, err := regexp.Compile(s.only)
	if err != nil {
		return err
	}
	w, err := openWorld(s)
	if err != nil {
		return err
	}
	defer w.close()
	t := table.NewWriter()
	t.SetOutputMirror(os.Stdout)
	t.SetTitle("latency %v, medians of %d and %d rounds", s.latency, s.rounds, s.resticRounds)
	t.AppendHeader(table.Row{"workload", "rwm", "restic", "ratio", "goal at 20 ms", "resident rwm", "resident restic"})
	for _, load := range workloads(s) {
		if !pattern.MatchString(load.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s …\n", load.name)
		row, err := w.compare(ctx, load)
		if err != nil {
			return fmt.Errorf("%s: %w", load.name, err)
		}
		t.AppendRow(row)
	}
	t.Render()
	if s.limits {
		return w.limits(ctx)
	}
	return nil
}

// compare runs both sides in turn.
func (w *world) compare(ctx context.Context, load workload) (table.Row, error) {
	repo, err := w.repository(ctx, load.data)
	if err != nil {
		return nil, err
	}
	var ours, theirs []sample
	for i := range w.rounds {
		a, err := w.run(ctx, repo, load, w.startOurs)
		if err != nil {
			return nil, fmt.Errorf("rwm: %w", err)
		}
		ours = append(ours, a)
		fmt.Fprintf(os.Stderr, "  rwm %v, %s resident\n", a.took.Round(time.Millisecond), humanize.IBytes(uint64(a.resident)))
		if i >= w.resticRounds {
			continue
		}
		b, err := w.run(ctx, repo, load, w.startRestic)
		if err != nil {
			return nil, fmt.Errorf("restic: %w", err)
		}
		theirs = append(theirs, b)
		fmt.Fprintf(os.Stderr, "  restic %v, %s resident\n", b.took.Round(time.Millisecond), humanize.IBytes(uint64(b.resident)))
	}
	a, b := median(ours), median(theirs)
	return table.Row{load.name, a.took.Round(time.Millisecond), b.took.Round(time.Millisecond),
		fmt.Sprintf("%.1f×", b.took.Seconds()/a.took.Seconds()), load.goal,
		humanize.IBytes(uint64(a.resident)), humanize.IBytes(uint64(b.resident))}, nil
}

// sample is one run: how long the work took, and the largest resident size of the
// mounting process.
type sample struct {
	took     time.Duration
	resident int64
}

// median takes the median time and the largest size.
func median(all []sample) sample {
	slices.SortFunc(all, func(a, b sample) int { return cmp.Compare(a.took, b.took) })
	m := all[len(all)/2]
	for _, s := range all {
		m.resident = max(m.resident, s.resident)
	}
	return m
}
