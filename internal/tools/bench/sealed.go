package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// sealedBackup is what a seal costs a host: each backup finds 1 % of its files changed
// and its parent's trees in its cache.
var sealedBackup = workload{
	name: "incremental backup of a sealed host, 20 ms", goal: "≤ 1.1 × unsealed (0.91×)", other: "the same, unsealed",
	run: func(ctx context.Context, w *world, rounds int) (*pairs, error) {
		const files = 20_000
		dir := filepath.Join(w.dir, "sealed-files")
		rng := rand.New(rand.NewPCG(2, 2))
		if err := manyFiles(dir, files, rng); err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		sealed, err := w.hostBucket(ctx, "sealed", "--sealed")
		if err != nil {
			return nil, err
		}
		open, err := w.hostBucket(ctx, "unsealed")
		if err != nil {
			return nil, err
		}
		for _, r := range []repository{sealed, open} {
			if err := w.runRwm(ctx, r, "restic", "backup", dir); err != nil {
				return nil, err
			}
		}
		if err := w.latency(networkDelay); err != nil {
			return nil, err
		}
		defer w.latency(0)
		changed := map[int]bool{}
		backup := func(r repository) func(int) (time.Duration, error) {
			return func(round int) (time.Duration, error) {
				if !changed[round] { // once for both
					changed[round] = true
					if err := changeSome(dir, files, round, rng); err != nil {
						return 0, err
					}
				}
				return timed(func() error { return w.runRwm(ctx, r, "restic", "backup", dir) })
			}
		}
		return alternate(rounds, backup(sealed), backup(open))
	},
}

// hostBucket makes a policed bucket with a repository, and the host's configuration.
func (w *world) hostBucket(ctx context.Context, bucket string, flags ...string) (repository, error) {
	admin, err := w.configure(bucket, "")
	if err != nil {
		return admin, err
	}
	if err := w.runRwm(ctx, admin, append([]string{"storage-create", bucket, "host"}, flags...)...); err != nil {
		return admin, err
	}
	r := repository{bucket, filepath.Join(w.dir, bucket+"-host.conf")}
	conf := fmt.Sprintf("s3_endpoint_url: %q\ns3_access_key: %q\ns3_secret_key: %q\nrestic_bucket: %q\nrestic_password: %q\nlock_path: %q\n",
		w.s3.URL, "host-access", "host-secret", bucket, password, r.conf+".lock")
	if err := os.WriteFile(r.conf, []byte(conf), 0o600); err != nil {
		return r, err
	}
	return r, w.runRwm(ctx, r, "restic", "init")
}
