package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
)

const million = 1_000_000

// memory measures the largest resident size of a process that reads the state
// of a bucket with a million versions (a listing the server makes up as it
// goes), above that of a process that does nothing.
func memory(ctx context.Context, w *world, t table.Writer) error {
	err := w.s3.Tell(http.MethodPost, "/synthetic", map[string]any{"bucket": "million", "owner": "bench$bench", "versions": million}, nil)
	if err != nil {
		return err
	}
	idle, _, err := w.peak(ctx, "version")
	if err != nil {
		return err
	}
	busy, took, err := w.peak(ctx, "storage-state", "million")
	if err != nil {
		return err
	}
	t.AppendRow(table.Row{
		"memory of a state of 1,000,000 versions", took.Round(time.Millisecond), "an idle process",
		humanize.IBytes(uint64(idle)), fmt.Sprintf("+%s", humanize.IBytes(uint64(busy-idle))), "≤ 100 MiB above idle",
	})
	return nil
}

// peak runs rwm and returns the largest resident size it had, in bytes.
func (w *world) peak(ctx context.Context, args ...string) (int64, time.Duration, error) {
	conf := w.dir + "/memory.conf"
	text := fmt.Sprintf("s3_endpoint_url: %q\ns3_access_key: %q\ns3_secret_key: %q\n", w.s3.URL, access, secret)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return 0, 0, err
	}
	cmd := exec.CommandContext(ctx, w.rwm, append([]string{"--config", conf}, args...)...)
	cmd.Stderr = os.Stderr
	took, err := timed(cmd.Run)
	if err != nil {
		return 0, 0, fmt.Errorf("rwm %q: %w", args, err)
	}
	resident, err := maxResident(cmd.ProcessState)
	return resident, took, err
}
