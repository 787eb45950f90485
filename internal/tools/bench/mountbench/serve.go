//go:build linux

package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/pprof"
	"strconv"

	"github.com/cesnet/rwm/fusemount"
	"github.com/cesnet/rwm/restic"
)

// serveCommand makes this program the mounting process.
const serveCommand = "serve"

// serve mounts until it is interrupted: URL, bucket, directory, cache, budget in MiB.
func serve(args []string) {
	if err := serveUntilInterrupted(args[0], args[1], args[2], args[3], args[4]); err != nil {
		fmt.Fprintln(os.Stderr, "mountbench serve:", err)
		os.Exit(1)
	}
}

func serveUntilInterrupted(url, bucket, dir, cache, budget string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if path := os.Getenv("MOUNTBENCH_PROFILE"); path != "" {
		profile, err := os.Create(path)
		if err != nil {
			return err
		}
		defer profile.Close()
		if err := pprof.StartCPUProfile(profile); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	mib, err := strconv.Atoi(budget)
	if err != nil {
		return err
	}
	client, err := newClient(url)
	if err != nil {
		return err
	}
	s, err := restic.Open(ctx, restic.S3(client, bucket, ""), password, restic.WithCacheDir(cache))
	if err != nil {
		return err
	}
	defer s.Close()
	f, err := fusemount.Mount(ctx, s, dir, fusemount.Options{CacheSize: int64(mib) << 20, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Wait()
	return err
}
