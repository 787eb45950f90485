package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"
)

// capture reads the version list of a large bucket laid out as restic does.
var capture = workload{
	name: "state of 100,000 versions, 100 ms", goal: "≥ 5× faster", other: "listing page by page",
	run: func(ctx context.Context, w *world, rounds int) (*pairs, error) {
		r, err := w.newBucket(ctx, "capture", "")
		if err != nil {
			return nil, err
		}
		defer w.dropBucket(ctx, r)
		if err := w.fill(ctx, r.bucket, 100_000); err != nil {
			return nil, err
		}
		if err := w.latency(100 * time.Millisecond); err != nil {
			return nil, err
		}
		defer w.latency(0)
		return alternate(rounds, func(int) (time.Duration, error) {
			return timed(func() error { return w.runRwm(ctx, r, "storage-state", r.bucket) })
		}, func(int) (time.Duration, error) {
			return timed(func() error {
				n := 0
				for v := range w.client.ListObjectsIter(ctx, r.bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
					if v.Err != nil {
						return v.Err
					}
					n++
				}
				if n != 100_000 {
					return fmt.Errorf("%d versions listed, 100000 written", n)
				}
				return nil
			})
		})
	},
}

// restoreState rebuilds a bucket; the alternative is what a loop of copies does.
var restoreState = workload{
	name: "restore-state of 1,000 objects, 20 ms", goal: "≥ 20× faster", other: "one copy at a time",
	run: func(ctx context.Context, w *world, rounds int) (*pairs, error) {
		r := repository{"source", filepath.Join(w.dir, "source.conf")}
		conf := fmt.Sprintf("s3_endpoint_url: %q\ns3_access_key: %q\ns3_secret_key: %q\n", w.s3.URL, access, secret)
		if err := os.WriteFile(r.conf, []byte(conf), 0o600); err != nil {
			return nil, err
		}
		if err := w.runRwm(ctx, r, "storage-create", r.bucket, "host"); err != nil {
			return nil, err
		}
		defer w.dropBucket(ctx, r)
		if err := w.fill(ctx, r.bucket, 1000); err != nil {
			return nil, err
		}
		// Dropping versions of a bucket without any saves its state as it is.
		if err := w.runRwm(ctx, r, "storage-drop-versions", r.bucket, "--unchecked"); err != nil {
			return nil, err
		}
		var state minio.ObjectInfo
		for v := range w.client.ListObjectsIter(ctx, r.bucket, minio.ListObjectsOptions{Prefix: "rwm/", Recursive: true, WithVersions: true}) {
			if v.Err != nil {
				return nil, v.Err
			}
			state = v
		}
		if err := w.latency(networkDelay); err != nil {
			return nil, err
		}
		defer w.latency(0)
		return alternate(rounds, func(i int) (time.Duration, error) {
			return timed(func() error {
				return w.runRwm(ctx, r, "storage-restore-state", r.bucket, fmt.Sprintf("target-%d", i), state.Key, state.VersionID)
			})
		}, func(i int) (time.Duration, error) {
			target := fmt.Sprintf("serial-%d", i)
			if err := w.client.MakeBucket(ctx, target, minio.MakeBucketOptions{}); err != nil {
				return 0, err
			}
			return timed(func() error { return w.copySerially(ctx, r.bucket, target) })
		})
	},
}

func (w *world) copySerially(ctx context.Context, source, target string) error {
	for v := range w.client.ListObjectsIter(ctx, source, minio.ListObjectsOptions{Prefix: "data/", Recursive: true, WithVersions: true}) {
		if v.Err != nil {
			return v.Err
		}
		_, err := w.client.CopyObject(ctx,
			minio.CopyDestOptions{Bucket: target, Object: v.Key},
			minio.CopySrcOptions{Bucket: source, Object: v.Key, VersionID: v.VersionID})
		if err != nil {
			return err
		}
	}
	return nil
}

// fill writes n small objects under the names restic's packs have.
func (w *world) fill(ctx context.Context, bucket string, n int) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for i := range n {
		g.Go(func() error {
			key := fmt.Sprintf("data/%02x/%064x", i%256, i)
			_, err := w.client.PutObject(ctx, bucket, key, bytes.NewReader([]byte(key)), int64(len(key)), minio.PutObjectOptions{})
			return err
		})
	}
	return g.Wait()
}

// forgetPrune thins out a long history.
var forgetPrune = workload{
	name: "forget and prune of 200 snapshots, 20 ms", goal: "≥ 3× faster", other: "restic forget --prune",
	run: func(ctx context.Context, w *world, rounds int) (*pairs, error) {
		model, err := w.history(ctx, 200)
		if err != nil {
			return nil, err
		}
		side := func(name string, run func(context.Context, repository, ...string) error) func(int) (time.Duration, error) {
			return func(i int) (time.Duration, error) {
				r, err := w.newBucket(ctx, fmt.Sprintf("prune-%s-%d", name, i), "")
				if err != nil {
					return 0, err
				}
				defer w.dropBucket(ctx, r)
				if err := w.clone(ctx, model.bucket, r.bucket); err != nil {
					return 0, err
				}
				if err := w.latency(networkDelay); err != nil {
					return 0, err
				}
				defer w.latency(0)
				return timed(func() error { return run(ctx, r, "forget", "--keep-last", "10", "--prune") })
			}
		}
		return alternate(rounds,
			side("rwm", func(ctx context.Context, r repository, args ...string) error {
				return w.runRwm(ctx, r, append([]string{"restic"}, args...)...)
			}),
			side("restic", w.runRestic))
	},
}

// history makes a repository with n snapshots of a directory that keeps changing.
func (w *world) history(ctx context.Context, n int) (repository, error) {
	r, err := w.newRepository(ctx, "history", "")
	if err != nil {
		return r, err
	}
	dir := filepath.Join(w.dir, "history")
	for i := range n {
		for f := range 5 {
			if err := writeRandom(filepath.Join(dir, fmt.Sprintf("file%d", (i+f)%50)), 100<<10); err != nil {
				return r, err
			}
		}
		if err := w.runRestic(ctx, r, "backup", dir); err != nil {
			return r, err
		}
	}
	return r, nil
}

// clone copies a bucket's current objects.
func (w *world) clone(ctx context.Context, from, to string) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for o := range w.client.ListObjectsIter(ctx, from, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			return o.Err
		}
		g.Go(func() error {
			_, err := w.client.CopyObject(gctx, minio.CopyDestOptions{Bucket: to, Object: o.Key}, minio.CopySrcOptions{Bucket: from, Object: o.Key})
			return err
		})
	}
	return g.Wait()
}
