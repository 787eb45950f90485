package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
)

// keep measures passes of the keeper: an uneventful one over 1,000 small storages,
// and one over a bucket with a million versions, of which the listing and the
// judgement of it are measured, since the server makes the versions up as it goes.
func keep(ctx context.Context, w *world, t table.Writer, pattern *regexp.Regexp) error {
	for name, measure := range w.keepWorks() {
		if !pattern.MatchString(name) {
			continue
		}
		if err := measure(ctx, t); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (w *world) keepWorks() map[string]func(context.Context, table.Writer) error {
	return map[string]func(context.Context, table.Writer) error{
		"keep thousand": w.keepThousand, "keep million": w.keepMillion, "keep among": w.keepAmong,
	}
}

const storages = 1000

// keepThousand has one storage under a thousand names: a pass asks as much of each of
// them as if they were different ones.
func (w *world) keepThousand(ctx context.Context, t table.Writer) error {
	r, err := w.configure("small", "")
	if err != nil {
		return err
	}
	source := filepath.Join(w.dir, "small")
	if err := writeRandom(filepath.Join(source, "file"), 100<<10); err != nil {
		return err
	}
	if err := w.runRwm(ctx, r, "storage-create", r.bucket, "host"); err != nil {
		return err
	}
	defer w.dropBucket(ctx, r)
	for _, args := range [][]string{{"restic", "init"}, {"restic", "backup", source}} {
		if err := w.runRwm(ctx, r, args...); err != nil {
			return err
		}
	}
	names := make([]string, storages)
	for i := range names {
		names[i] = fmt.Sprintf("s%04d", i)
	}
	conf, err := w.keeperConf("thousand", "drill: off\n  prove: 30d\n", r.bucket, names)
	if err != nil {
		return err
	}
	// The eventful first pass is made for one of them, and its state copied.
	if _, err := w.pass(ctx, conf, 0, "--storage", names[0]); err != nil {
		return err
	}
	states := filepath.Join(w.dir, "keeper-thousand", "storages")
	state, err := os.ReadFile(filepath.Join(states, names[0]+".json"))
	if err != nil {
		return err
	}
	for _, n := range names[1:] {
		if err := os.WriteFile(filepath.Join(states, n+".json"), state, 0o600); err != nil {
			return err
		}
	}
	if err := w.latency(networkDelay); err != nil {
		return err
	}
	defer w.latency(0)
	p, err := w.pass(ctx, conf, 0)
	if err != nil {
		return err
	}
	p.row(t, "keep: uneventful pass over 1,000 storages, 20 ms", fmt.Sprintf("%.1f requests a storage", float64(p.Requests)/storages), "≤ 5 min, ≤ 200 MiB")
	return nil
}

func (w *world) keepMillion(ctx context.Context, t table.Writer) error {
	if err := w.s3.Tell(http.MethodPost, "/synthetic", map[string]any{"bucket": "versions", "owner": "bench$bench", "versions": million}, nil); err != nil {
		return err
	}
	off := "policy: off\n  prove: off\n  signs: off\n  drill: off\n  read_all_within: off\n  expect_backup_within: off\n  "
	conf, err := w.keeperConf("million", off, "versions", []string{"million"})
	if err != nil {
		return err
	}
	if err := w.latency(networkDelay); err != nil {
		return err
	}
	defer w.latency(0)
	first, err := w.pass(ctx, conf, 20)
	if err != nil {
		return err
	}
	first.row(t, "keep: first pass over 1,000,000 versions, 20 ms", fmt.Sprintf("%d requests", first.Requests), "")
	again, err := w.pass(ctx, conf, 20)
	if err != nil {
		return err
	}
	again.row(t, "keep: uneventful pass over 1,000,000 versions, 20 ms", fmt.Sprintf("%d requests", again.Requests), "≤ 60 s")
	return nil
}

// keepAmong measures what a pass that proves takes beside a million current objects: a
// small repository in a bucket whose packs the server makes up. Each backup saves a
// state, which the pass after it compares with the history.
func (w *world) keepAmong(ctx context.Context, t table.Writer) error {
	// The server dates a millisecond after the other: all are to be older than the
	// backups.
	for _, step := range []struct {
		method, path string
		in           map[string]any
	}{
		{http.MethodPut, "/clock", map[string]any{"set": time.Now().Add(-time.Hour)}},
		{http.MethodPost, "/synthetic", map[string]any{"bucket": "among", "owner": "bench$bench", "versions": million}},
		{http.MethodPut, "/clock", map[string]any{"set": time.Now()}},
	} {
		if err := w.s3.Tell(step.method, step.path, step.in, nil); err != nil {
			return err
		}
	}
	source := filepath.Join(w.dir, "among-files")
	r, err := w.configure("among", fmt.Sprintf("backups:\n  files: {filesdirs: [%q]}\n", source))
	if err != nil {
		return err
	}
	conf, err := w.keeperConf("among", "policy: off\n", r.bucket, []string{"among"})
	if err != nil {
		return err
	}
	backup := func(n int) error {
		if err := writeRandom(filepath.Join(source, fmt.Sprintf("file%d", n)), 100<<10); err != nil {
			return err
		}
		return w.runRwm(ctx, r, "backup-all") // which saves a state of a million objects
	}
	if err := w.runRwm(ctx, r, "restic", "init"); err != nil {
		return err
	}
	for n := range 3 {
		if err := backup(n); err != nil {
			return err
		}
	}
	for _, name := range []string{"first pass", "uneventful pass", "pass after a backup"} {
		if name == "pass after a backup" {
			if err := backup(3); err != nil {
				return err
			}
		}
		if err := w.latency(networkDelay); err != nil {
			return err
		}
		p, err := w.pass(ctx, conf, 0)
		if err != nil {
			return err
		}
		if err := w.latency(0); err != nil {
			return err
		}
		p.row(t, "keep: "+name+" over 1,000,000 current objects, 20 ms", fmt.Sprintf("%d requests", p.Requests), "≤ 60 s, ≤ 200 MiB")
	}
	return nil
}

// keeperConf writes a keeper.conf with some names for one bucket.
func (w *world) keeperConf(name, defaults, bucket string, names []string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "state_dir: %s\nparallel: 16\ndefaults:\n  %s\n  s3_endpoint_url: %q\n  s3_access_key: %q\n  s3_secret_key: %q\n  restic_bucket: %s\n  restic_password: %q\nstorages:\n",
		filepath.Join(w.dir, "keeper-"+name), strings.TrimRight(defaults, " \n"), w.s3.URL, access, secret, bucket, password)
	for _, n := range names {
		fmt.Fprintf(&b, "  %s: {}\n", n)
	}
	conf := filepath.Join(w.dir, name+".keeper.conf")
	return conf, os.WriteFile(conf, []byte(b.String()), 0o600)
}

// passed is what a pass cost.
type passed struct {
	Requests int64
	took     time.Duration
	resident int64
}

func (p *passed) row(t table.Writer, name, cost, goal string) {
	t.AppendRow(table.Row{name, p.took.Round(time.Millisecond), "", "", cost + ", " + humanize.IBytes(uint64(p.resident)), goal})
}

// pass makes a pass in a process of its own, which may also end with the code given.
func (w *world) pass(ctx context.Context, conf string, allowed int, args ...string) (*passed, error) {
	cmd := exec.CommandContext(ctx, w.rwm, append([]string{"--json", "keep", "--config", conf}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	var out []byte
	took, err := timed(func() (err error) { out, err = cmd.Output(); return err })
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == allowed {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("rwm keep: %w: %s%s", err, stderr.Bytes(), out[:min(len(out), 2000)])
	}
	p := &passed{took: took}
	if err := json.Unmarshal(out, p); err != nil {
		return nil, err
	}
	p.resident, err = maxResident(cmd.ProcessState)
	return p, err
}
