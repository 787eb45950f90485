// Demo shows RWM's main job on real files, on one machine, in under a minute: a
// protected backup, an attack with the host's own credentials, the recovery,
// and the proof that every file came back. It uses the rwm command as an
// administrator would, and exits with 1 if anything differs.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	rwm := flag.String("rwm", "bin/rwm", "the rwm command")
	server := flag.String("s3dev", "bin/s3dev", "the embedded S3 server")
	source := flag.String("source", "/usr/share/doc", "the files to back up")
	flag.Parse()
	if err := demo(ctx, *rwm, *server, *source); err != nil {
		fmt.Fprintf(os.Stderr, "\nTHE DEMO FAILED: %v\n", err)
		stop()
		os.Exit(1)
	}
}

func demo(ctx context.Context, rwm, server, source string) error {
	start := time.Now()
	w, err := newWorld(rwm, server)
	if err != nil {
		return err
	}
	defer w.close()
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return w.prepare(ctx, source) },
		w.protect,
		w.backUp,
		w.attack,
		w.rebuild,
		w.restore,
		w.compare,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	w.story.say("")
	w.story.say("The whole story took %s.", time.Since(start).Round(100*time.Millisecond))
	return nil
}
