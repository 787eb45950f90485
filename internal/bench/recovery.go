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

	"github.com/cesnet/rwm/restic"
)

// wreckObjects is how many objects the repository has before it is destroyed.
const wreckObjects = 5000

// wreck is a destroyed repository, its last good moment, and what it takes to
// rebuild it in the way of the original RWM.
type wreck struct {
	repository
	objects int
	at      string // the last good moment
	dir     string // what was backed up
	file    string // one file of it

	serial     repository    // the copy made one object at a time
	serialCopy time.Duration // it takes minutes, so it is made once
}

// firstFile is the worst day: everything is overwritten and deleted, and one
// file is needed.
var firstFile = workload{
	name: "first file of a destroyed bucket of 5,000 objects, 20 ms", goal: "≥ 50× sooner", other: "copying one at a time, then restic",
	run: func(ctx context.Context, l *lab, rounds int) (*pairs, error) {
		w, err := l.destroyed(ctx, true)
		if err != nil {
			return nil, err
		}
		return l.slow(rounds, func(int) error {
			return l.runRwm(ctx, w.repository, "restic", "--at", w.at, "dump", "latest", w.file)
		}, func(int) error {
			return l.runRestic(ctx, w.serial, "dump", "latest", w.file)
		}, w.serialCopy)
	},
}

// allFiles goes on until everything is back.
var allFiles = workload{
	name: "all files of a destroyed bucket of 5,000 objects, 20 ms", goal: "sooner", other: "copying one at a time, then restic",
	run: func(ctx context.Context, l *lab, rounds int) (*pairs, error) {
		w, err := l.destroyed(ctx, true)
		if err != nil {
			return nil, err
		}
		return l.slow(rounds, func(i int) error {
			return l.runRwm(ctx, w.repository, "restic", "--at", w.at, "restore", "latest", "--target", filepath.Join(l.dir, fmt.Sprint("back-rwm-", i)))
		}, func(i int) error {
			return l.runRestic(ctx, w.serial, "restore", "latest", "--target", filepath.Join(l.dir, fmt.Sprint("back-restic-", i)))
		}, w.serialCopy)
	},
}

// firstFileRebuilt compares with rebuilding the bucket as fast as RWM can.
var firstFileRebuilt = workload{
	name: "first file of a destroyed bucket, as of then, 20 ms", goal: "≥ 3× sooner", other: "storage-restore-state, then dump",
	run: func(ctx context.Context, l *lab, rounds int) (*pairs, error) {
		w, err := l.destroyed(ctx, false)
		if err != nil {
			return nil, err
		}
		return l.slow(rounds, func(int) error {
			return l.runRwm(ctx, w.repository, "restic", "--at", w.at, "dump", "latest", w.file)
		}, func(i int) error {
			target, err := l.configure(fmt.Sprintf("rebuilt-%d", i), "")
			if err != nil {
				return err
			}
			if err := l.runRwm(ctx, w.repository, "storage-restore-state", w.bucket, target.bucket, "--at", w.at); err != nil {
				return err
			}
			return l.runRwm(ctx, target, "restic", "dump", "latest", w.file)
		}, 0)
	},
}

// slow times both sides with latency and without anything cached; before is what
// had to be done before the other side could begin.
func (l *lab) slow(rounds int, ours, other func(int) error, before time.Duration) (*pairs, error) {
	if err := l.latency(networkDelay); err != nil {
		return nil, err
	}
	defer l.latency(0)
	cold := func(side func(int) error, more time.Duration) func(int) (time.Duration, error) {
		return func(i int) (time.Duration, error) {
			for _, cache := range []string{"cache-rwm", "cache-restic"} {
				if err := os.RemoveAll(filepath.Join(l.dir, cache)); err != nil {
					return 0, err
				}
			}
			d, err := timed(func() error { return side(i) })
			return d + more, err
		}
	}
	return alternate(rounds, cold(ours, 0), cold(other, before))
}

// destroyed makes the wreck when it is first asked for; rebuilt too, where one
// wants it.
func (l *lab) destroyed(ctx context.Context, rebuilt bool) (*wreck, error) {
	if l.wreck == nil {
		w, err := l.makeWreck(ctx)
		if err != nil {
			return nil, err
		}
		l.wreck = w
	}
	if rebuilt && l.wreck.serialCopy == 0 {
		return l.wreck, l.rebuildSerially(ctx, l.wreck)
	}
	return l.wreck, nil
}

// makeWreck backs up a directory that grows by a file until there are objects
// enough, and then overwrites and deletes all of them.
func (l *lab) makeWreck(ctx context.Context) (*wreck, error) {
	w := &wreck{dir: filepath.Join(l.dir, "growing")}
	var err error
	if w.repository, err = l.configure("wrecked", ""); err != nil {
		return nil, err
	}
	if err := l.runRwm(ctx, w.repository, "storage-create", w.bucket, "host"); err != nil {
		return nil, err
	}
	s, err := restic.Init(ctx, restic.S3(l.client, w.bucket, ""), password, restic.WithoutCache())
	if err != nil {
		return nil, err
	}
	const perBackup = 2 // a pack of data and one of trees
	for i := range wreckObjects / perBackup {
		w.file = filepath.Join(w.dir, fmt.Sprint(i%40), fmt.Sprint(i))
		if err := writeRandom(w.file, 4<<10); err != nil {
			return nil, err
		}
		if _, err := s.Backup(ctx, restic.BackupOptions{Paths: []string{w.dir}}); err != nil {
			return nil, err
		}
	}
	// As retention leaves it: nearly all objects are packs.
	if _, err := s.Forget(ctx, restic.ForgetOptions{Policy: restic.Policy{Last: 20}}); err != nil {
		return nil, err
	}
	if _, err := s.RepairIndex(ctx, restic.RepairIndexOptions{}); err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	time.Sleep(2 * time.Second)
	w.at = time.Now().Add(-time.Second).Format(time.RFC3339Nano)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for o := range l.client.ListObjectsIter(ctx, w.bucket, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			return nil, o.Err
		}
		w.objects++
		g.Go(func() error {
			if _, err := l.client.PutObject(gctx, w.bucket, o.Key, bytes.NewReader([]byte("rubbish")), 7, minio.PutObjectOptions{}); err != nil {
				return err
			}
			return l.client.RemoveObject(gctx, w.bucket, o.Key, minio.RemoveObjectOptions{})
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if w.objects < wreckObjects {
		return nil, fmt.Errorf("the repository has %d objects, %d are needed", w.objects, wreckObjects)
	}
	return w, nil
}

// rebuildSerially copies what was current, one object after the other.
func (l *lab) rebuildSerially(ctx context.Context, w *wreck) error {
	var err error
	if w.serial, err = l.newBucket(ctx, "serially", ""); err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339Nano, w.at)
	if err != nil {
		return err
	}
	if err := l.latency(networkDelay); err != nil {
		return err
	}
	defer l.latency(0)
	w.serialCopy, err = timed(func() error {
		done := ""
		for v := range l.client.ListObjectsIter(ctx, w.bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
			if v.Err != nil {
				return v.Err
			}
			if v.Key == done || v.LastModified.After(at) {
				continue
			}
			done = v.Key // the newest version of then
			if v.IsDeleteMarker {
				continue
			}
			_, err := l.client.CopyObject(ctx, minio.CopyDestOptions{Bucket: w.serial.bucket, Object: v.Key},
				minio.CopySrcOptions{Bucket: w.bucket, Object: v.Key, VersionID: v.VersionID})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return err
}
