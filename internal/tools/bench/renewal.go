package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/minio/minio-go/v7"
)

// renewal extends the lock of every version in a large bucket, as the first run of
// storage-renew does. One at a time is measured on a part and scaled up.
var renewal = workload{
	name: "renewal of 100,000 locks, 20 ms", goal: "< 2 minutes", other: "one request at a time (scaled)",
	run: func(ctx context.Context, w *world, rounds int) (*pairs, error) {
		const versions, part = 100_000, 500
		r := repository{"locked", filepath.Join(w.dir, "locked.conf")}
		conf := fmt.Sprintf("s3_endpoint_url: %q\ns3_access_key: %q\ns3_secret_key: %q\n", w.s3.URL, access, secret)
		if err := os.WriteFile(r.conf, []byte(conf), 0o600); err != nil {
			return nil, err
		}
		if err := w.runRwm(ctx, r, "storage-create", r.bucket, "host", "--lock", "30d"); err != nil {
			return nil, err
		}
		if err := w.fill(ctx, r.bucket, versions); err != nil {
			return nil, err
		}
		// What is younger than a minute is left alone.
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Minute):
		}
		if err := w.latency(networkDelay); err != nil {
			return nil, err
		}
		defer w.latency(0)
		return alternate(rounds, func(i int) (time.Duration, error) {
			return timed(func() error {
				return w.runRwm(ctx, r, "storage-renew", r.bucket, "--ledger", filepath.Join(w.dir, fmt.Sprint("ledger", i)))
			})
		}, func(int) (time.Duration, error) {
			d, err := timed(func() error { return w.renewSerially(ctx, r.bucket, part) })
			return d * versions / part, err
		})
	},
}

func (w *world) renewSerially(ctx context.Context, bucket string, n int) error {
	mode, until := minio.Compliance, time.Now().Add(60*24*time.Hour)
	for v := range w.client.ListObjectsIter(ctx, bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		if v.Err != nil {
			return v.Err
		}
		err := w.client.PutObjectRetention(ctx, bucket, v.Key, minio.PutObjectRetentionOptions{Mode: &mode, RetainUntilDate: &until, VersionID: v.VersionID})
		if err != nil {
			return err
		}
		if n--; n == 0 {
			break
		}
	}
	return nil
}
