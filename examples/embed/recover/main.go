// Command recover brings a wrecked bucket back: it takes the newest state that
// was saved before a given time, rebuilds the bucket as it was then in a new one,
// checks the repository in it and restores the files of the latest snapshot.
// Nothing in the wrecked bucket is changed.
//
//	export S3_ENDPOINT_URL=https://s3.example.org S3_ACCESS_KEY=… S3_SECRET_KEY=…   # the admin's
//	export RESTIC_PASSWORD=…
//	recover -before 2026-11-21T03:00:00Z host1 host1-rescue /srv/rescued
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

func main() {
	before := flag.String("before", "", "take the newest state saved before this time (RFC 3339; default: the newest of all)")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: recover [-before TIME] BUCKET NEW_BUCKET DIRECTORY")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 3 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := recoverBucket(ctx, *before, flag.Arg(0), flag.Arg(1), flag.Arg(2)); err != nil {
		fmt.Fprintln(os.Stderr, "recover:", err)
		os.Exit(rwm.ExitCode(err))
	}
}

func recoverBucket(ctx context.Context, before, bucket, rescue, dir string) error {
	var limit time.Time
	if before != "" {
		var err error
		if limit, err = time.Parse(time.RFC3339, before); err != nil {
			return fmt.Errorf("-before: %w", err)
		}
	}
	manager, err := rwm.New(&rwm.Config{
		S3EndpointURL:  os.Getenv("S3_ENDPOINT_URL"),
		S3AccessKey:    os.Getenv("S3_ACCESS_KEY"),
		S3SecretKey:    os.Getenv("S3_SECRET_KEY"),
		ResticBucket:   rescue,
		ResticPassword: os.Getenv("RESTIC_PASSWORD"),
	})
	if err != nil {
		return err
	}
	state, err := newest(ctx, manager.Storage(), bucket, limit)
	if err != nil {
		return err
	}
	fmt.Printf("rebuilding %s in %s as it was when %s was saved (%s)\n", bucket, rescue, state.Key, state.Time.Format(time.RFC3339))
	if _, err := manager.Storage().Restore(ctx, s3state.RestoreOptions{
		Source: bucket, Target: rescue, Moment: s3state.Moment{StateKey: state.Key, StateVersion: state.VersionID}, OnEvent: showCopies(),
	}); err != nil {
		return err
	}
	return restoreFiles(ctx, manager, dir)
}

// newest finds the last state, or the last that was saved before limit, by the server's
// time: the host chooses the name of a state, but not when it was stored.
func newest(ctx context.Context, store *s3state.Store, bucket string, limit time.Time) (s3state.SavedState, error) {
	states, err := store.States(ctx, bucket)
	if err != nil {
		return s3state.SavedState{}, err
	}
	for i := len(states) - 1; i >= 0; i-- { // the oldest comes first
		if limit.IsZero() || states[i].Time.Before(limit) {
			return states[i], nil
		}
	}
	return s3state.SavedState{}, fmt.Errorf("bucket %s has %d saved states, none of them from before %s", bucket, len(states), limit.Format(time.RFC3339))
}

func restoreFiles(ctx context.Context, manager *rwm.Manager, dir string) error {
	repository, err := manager.OpenRepository(ctx)
	if err != nil {
		return err
	}
	defer repository.Close()
	fmt.Println("reading all data of", manager.Location())
	if _, err := repository.Check(ctx, restic.CheckOptions{ReadData: true}); err != nil {
		return err
	}
	result, err := repository.Restore(ctx, restic.RestoreOptions{Snapshot: "latest", Target: dir, Verify: true})
	if err != nil {
		return err
	}
	fmt.Printf("restored %d files and directories of snapshot %s to %s\n", result.FilesRestored, result.Snapshot.ID.Short(), dir)
	return nil
}

// showCopies prints one line for every tenth of the objects.
func showCopies() func(s3state.Event) {
	shown := int64(0)
	return func(event s3state.Event) {
		progress, ok := event.(s3state.CopyProgress)
		if !ok || progress.TotalObjects == 0 {
			return
		}
		if tenth := 10 * progress.Objects / progress.TotalObjects; tenth > shown {
			shown = tenth
			fmt.Printf("%d of %d objects are there\n", progress.Objects, progress.TotalObjects)
		}
	}
}
