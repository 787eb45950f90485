// Bench shows RWM's speed as ratios: each workload is run with rwm and with
// what it is compared to, in turn, in one run on one machine, on the embedded
// S3 server with added latency. Ratios of medians hold when the machine's speed
// drifts; single times do not. Nothing here is asserted.
package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"time"

	"github.com/cesnet/rwm/internal/harness/s3proc"
	"github.com/jedib0t/go-pretty/v6/table"
)

// A workload prepares itself once and then runs both sides as often as asked.
type workload struct {
	name  string
	goal  string // what the project promises, in words
	other string // what rwm is compared to
	run   func(ctx context.Context, w *world, rounds int) (*pairs, error)
}

// pairs are the times of both sides, round by round.
type pairs struct{ ours, other []time.Duration }

func main() {
	w := &world{}
	flag.StringVar(&w.rwm, "rwm", "bin/rwm", "the rwm command")
	flag.StringVar(&w.server, "s3dev", "bin/s3dev", "the embedded S3 server")
	flag.StringVar(&w.restic, "restic", ".tools/restic", "the restic command")
	flag.StringVar(&w.kopia, "kopia", "", "the kopia command; its column stays empty without")
	flag.IntVar(&w.files, "files", 300_000, "number of files in the backups of many files")
	rounds := flag.Int("rounds", 3, "counted rounds of each workload")
	flag.StringVar(&w.delay, "delay", "", "run the commands that read only with this delay of a request, 0s or 20ms")
	flag.StringVar(&w.cache, "cache", "", "run the commands that read only with a cold or a warm cache")
	list := flag.Bool("list", false, "print the names of the workloads")
	only := flag.String("only", "", "run the workloads whose name matches this regular expression")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *list {
		for _, name := range w.names(ctx) {
			fmt.Println(name)
		}
		return
	}
	if err := bench(ctx, w, *rounds, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func bench(ctx context.Context, w *world, rounds int, only string) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	if err := w.open(); err != nil {
		return err
	}
	defer w.close()
	t := table.NewWriter()
	t.SetOutputMirror(os.Stdout)
	t.AppendHeader(table.Row{"workload", "rwm", "compared to", "takes", "ratio", "goal"})
	for _, work := range inPairs() {
		if !pattern.MatchString(work.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s …\n", work.name)
		p, err := work.run(ctx, w, rounds)
		if err != nil {
			return fmt.Errorf("%s: %w", work.name, err)
		}
		ours, other := median(p.ours), median(p.other)
		t.AppendRow(table.Row{
			work.name, ours.Round(time.Millisecond), work.other, other.Round(time.Millisecond),
			fmt.Sprintf("%.2f× faster", other.Seconds()/ours.Seconds()), work.goal,
		})
	}
	if pattern.MatchString("memory") {
		if err := memory(ctx, w, t); err != nil {
			return err
		}
	}
	if err := keep(ctx, w, t, pattern); err != nil {
		return err
	}
	if t.Length() > 0 {
		t.Render()
	}
	if err := reading(ctx, w, rounds, pattern); err != nil {
		return err
	}
	return backups(ctx, w, rounds, pattern)
}

// inPairs are the workloads of the first table.
func inPairs() []workload {
	return append([]workload{profiles, freshData, capture, restoreState, renewal, sealedBackup, forgetPrune}, recovery()...)
}

// names are those that the flag "only" chooses from.
func (w *world) names(ctx context.Context) (list []string) {
	for _, work := range inPairs() {
		if !slices.Contains(list, work.name) { // some are compared to two things
			list = append(list, work.name)
		}
	}
	list = append(list, "memory")
	list = append(list, slices.Sorted(maps.Keys(w.keepWorks()))...)
	nowhere := &world{s3: &s3proc.Server{}, dir: os.TempDir()}
	for _, work := range nowhere.readingWorks(ctx) {
		list = append(list, "reading: "+work.name)
	}
	for _, work := range w.backupWorks(0) {
		list = append(list, "backups: "+work.name)
	}
	return list
}

// alternate runs both sides in turn: a before-function (not timed), then the
// timed one. The first round warms both up and does not count.
func alternate(rounds int, ours, other func(round int) (time.Duration, error)) (*pairs, error) {
	p := &pairs{}
	for i := range rounds + 1 {
		a, err := ours(i)
		if err != nil {
			return nil, err
		}
		b, err := other(i)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			p.ours, p.other = append(p.ours, a), append(p.other, b)
		}
	}
	return p, nil
}

func timed(f func() error) (time.Duration, error) {
	start := time.Now()
	err := f()
	return time.Since(start), err
}

func median(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(d))
	return s[len(s)/2]
}
