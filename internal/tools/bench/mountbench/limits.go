//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cesnet/rwm/restic"
)

// limits prints what the mount cannot be faster than on this machine: the same bytes
// fetched, decrypted and verified with no file system in between, and a find for
// which the mounting process has everything in memory.
func (w *world) limits(ctx context.Context) error {
	fmt.Println("What bounds it here:")
	big, err := w.repository(ctx, "big")
	if err != nil {
		return err
	}
	w.measure(func() (time.Duration, error) { return w.fetch(ctx, big) }, "%d MiB fetched, decrypted and verified, and no file system", w.big)
	many, err := w.repository(ctx, "many")
	if err != nil {
		return err
	}
	inMemory := workload{work: find, prep: func(ctx context.Context, snapshots []string) error {
		if err := find(ctx, snapshots); err != nil {
			return err
		}
		// The kernel forgets its names and attributes: it has to ask again.
		return os.WriteFile("/proc/sys/vm/drop_caches", []byte("2"), 0)
	}}
	w.measure(func() (time.Duration, error) {
		s, err := w.run(ctx, many, inMemory, w.startOurs)
		return s.took, err
	}, "find of %d files that the mounting process has in memory", w.files)
	return nil
}

// measure prints the median, or why there is none.
func (w *world) measure(once func() (time.Duration, error), format string, args ...any) {
	var all []sample
	for range w.rounds {
		took, err := once()
		if err != nil {
			fmt.Printf("  "+format+": not measured: %v\n", append(args, err)...)
			return
		}
		all = append(all, sample{took: took})
	}
	fmt.Printf("  "+format+": %v\n", append(args, median(all).took.Round(time.Millisecond))...)
}

// fetch reads all blobs of the big file, and nothing else.
func (w *world) fetch(ctx context.Context, from repository) (time.Duration, error) {
	client, err := newClient(w.s3.URL)
	if err != nil {
		return 0, err
	}
	s, err := restic.Open(ctx, restic.S3(client, from.bucket, ""), password, restic.WithoutCache())
	if err != nil {
		return 0, err
	}
	defer s.Close()
	r, err := s.Reader(ctx)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	var blobs []restic.BlobHandle
	err = s.ListObjects(ctx, restic.ObjectBlob, func(o restic.Object) error {
		if o.Blob == restic.BlobData {
			blobs = append(blobs, restic.BlobHandle{Type: restic.BlobData, ID: o.ID})
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	began := time.Now()
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(r.Connections())
	for _, h := range blobs {
		g.Go(func() error {
			_, err := r.LoadBlob(gctx, h)
			return err
		})
	}
	err = g.Wait()
	return time.Since(began), err
}
