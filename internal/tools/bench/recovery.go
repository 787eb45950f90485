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

// wreckSizes are how many objects a repository has before it is destroyed.
var wreckSizes = []int{5000, 20_000}

// wreck is a destroyed repository, its last good moment, and what it takes to
// rebuild it in the way of the original RWM.
type wreck struct {
	repository
	size    int // as was asked for
	objects int
	at      string // the last good moment
	dir     string // what was backed up
	file    string // one file of it

	serial     repository    // the copy made one object at a time
	serialCopy time.Duration // it takes minutes, so it is made once
}

// recovery is the worst day: everything is overwritten and deleted. What is compared is
// the time to one file, and to all of them.
func recovery() (list []workload) {
	for _, size := range wreckSizes {
		of := fmt.Sprintf(" of a destroyed bucket of %d objects, 20 ms", size)
		list = append(list,
			workload{"first file" + of, "≥ 50× sooner", "copying one at a time, then restic", againstSerial(size, firstFile)},
			workload{"all files" + of, "sooner", "copying one at a time, then restic", againstSerial(size, allFiles)},
			workload{"first file" + of, "≥ 3× sooner", "storage-restore-state, then rwm", againstRebuilt(size, firstFile)},
			workload{"all files" + of, "sooner", "storage-restore-state, then rwm", againstRebuilt(size, allFiles)},
		)
	}
	return list
}

// firstFile and allFiles are what is asked of restic.
func firstFile(w *world, wr *wreck, side string, i int) []string {
	return []string{"dump", "latest", wr.file}
}

func allFiles(w *world, wr *wreck, side string, i int) []string {
	return []string{"restore", "latest", "--target", filepath.Join(w.dir, fmt.Sprintf("back-%s-%d-%d", side, wr.size, i))}
}

type question func(w *world, wr *wreck, side string, i int) []string

// againstSerial compares the view of then with the way of the original RWM: copying
// object by object, and then restic.
func againstSerial(size int, ask question) func(context.Context, *world, int) (*pairs, error) {
	return func(ctx context.Context, w *world, rounds int) (*pairs, error) {
		wr, err := w.destroyed(ctx, size, true)
		if err != nil {
			return nil, err
		}
		return w.slow(rounds, asOfThen(ctx, w, wr, ask), func(i int) error {
			return w.runRestic(ctx, wr.serial, ask(w, wr, "restic", i)...)
		}, wr.serialCopy)
	}
}

// againstRebuilt compares it with rebuilding the bucket as fast as RWM can.
func againstRebuilt(size int, ask question) func(context.Context, *world, int) (*pairs, error) {
	return func(ctx context.Context, w *world, rounds int) (*pairs, error) {
		wr, err := w.destroyed(ctx, size, false)
		if err != nil {
			return nil, err
		}
		return w.slow(rounds, asOfThen(ctx, w, wr, ask), func(i int) error {
			w.rebuilt++
			target, err := w.configure(fmt.Sprintf("rebuilt-%d", w.rebuilt), "")
			if err != nil {
				return err
			}
			if err := w.runRwm(ctx, wr.repository, "storage-restore-state", wr.bucket, target.bucket, "--at", wr.at); err != nil {
				return err
			}
			return w.runRwm(ctx, target, append([]string{"restic"}, ask(w, wr, "rebuilt", i)...)...)
		}, 0)
	}
}

func asOfThen(ctx context.Context, w *world, wr *wreck, ask question) func(int) error {
	return func(i int) error {
		w.asked++
		return w.runRwm(ctx, wr.repository, append([]string{"restic", "--at", wr.at}, ask(w, wr, "rwm", w.asked)...)...)
	}
}

// slow times both sides with latency and without anything cached; before is what
// had to be done before the other side could begin.
func (w *world) slow(rounds int, ours, other func(int) error, before time.Duration) (*pairs, error) {
	if err := w.latency(networkDelay); err != nil {
		return nil, err
	}
	defer w.latency(0)
	cold := func(side func(int) error, more time.Duration) func(int) (time.Duration, error) {
		return func(i int) (time.Duration, error) {
			for _, cache := range []string{"cache-rwm", "cache-restic"} {
				if err := os.RemoveAll(filepath.Join(w.dir, cache)); err != nil {
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
func (w *world) destroyed(ctx context.Context, size int, rebuilt bool) (*wreck, error) {
	wr := w.wrecks[size]
	if wr == nil {
		var err error
		if wr, err = w.makeWreck(ctx, size); err != nil {
			return nil, err
		}
		if w.wrecks == nil {
			w.wrecks = make(map[int]*wreck)
		}
		w.wrecks[size] = wr
	}
	if rebuilt && wr.serialCopy == 0 {
		return wr, w.rebuildSerially(ctx, wr)
	}
	return wr, nil
}

// makeWreck backs up files one by one until there are objects enough, then all of them
// together, and then overwrites and deletes everything.
func (w *world) makeWreck(ctx context.Context, size int) (*wreck, error) {
	wr := &wreck{dir: filepath.Join(w.dir, fmt.Sprint("files-", size)), size: size}
	var err error
	if wr.repository, err = w.configure(fmt.Sprint("wrecked-", size), ""); err != nil {
		return nil, err
	}
	if err := w.runRwm(ctx, wr.repository, "storage-create", wr.bucket, "host"); err != nil {
		return nil, err
	}
	s, err := restic.Init(ctx, restic.S3(w.client, wr.bucket, ""), password, restic.WithoutCache())
	if err != nil {
		return nil, err
	}
	const perBackup = 2 // a pack of data and one of trees
	for i := range size / perBackup {
		wr.file = filepath.Join(wr.dir, fmt.Sprint(i%40), fmt.Sprint(i))
		if err := writeRandom(wr.file, 4<<10); err != nil {
			return nil, err
		}
		if _, err := s.Backup(ctx, restic.BackupOptions{Paths: []string{wr.file}, Force: true}); err != nil {
			return nil, err
		}
	}
	if _, err := s.Backup(ctx, restic.BackupOptions{Paths: []string{wr.dir}}); err != nil {
		return nil, err
	}
	// As retention leaves it: nearly all objects are packs.
	if _, err := s.Forget(ctx, restic.ForgetOptions{Policy: restic.Policy{Last: 1}, GroupBy: restic.GroupByNone}); err != nil {
		return nil, err
	}
	if _, err := s.RepairIndex(ctx, restic.RepairIndexOptions{}); err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	time.Sleep(2 * time.Second)
	wr.at = time.Now().Add(-time.Second).Format(time.RFC3339Nano)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for o := range w.client.ListObjectsIter(ctx, wr.bucket, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			return nil, o.Err
		}
		wr.objects++
		g.Go(func() error {
			if _, err := w.client.PutObject(gctx, wr.bucket, o.Key, bytes.NewReader([]byte("rubbish")), 7, minio.PutObjectOptions{}); err != nil {
				return err
			}
			return w.client.RemoveObject(gctx, wr.bucket, o.Key, minio.RemoveObjectOptions{})
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if wr.objects < size {
		return nil, fmt.Errorf("the repository has %d objects, %d are needed", wr.objects, size)
	}
	return wr, nil
}

// rebuildSerially copies what was current, one object after the other.
func (w *world) rebuildSerially(ctx context.Context, wr *wreck) error {
	var err error
	if wr.serial, err = w.newBucket(ctx, fmt.Sprint("serially-", wr.size), ""); err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339Nano, wr.at)
	if err != nil {
		return err
	}
	if err := w.latency(networkDelay); err != nil {
		return err
	}
	defer w.latency(0)
	wr.serialCopy, err = timed(func() error {
		done := ""
		for v := range w.client.ListObjectsIter(ctx, wr.bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
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
			_, err := w.client.CopyObject(ctx, minio.CopyDestOptions{Bucket: wr.serial.bucket, Object: v.Key},
				minio.CopySrcOptions{Bucket: wr.bucket, Object: v.Key, VersionID: v.VersionID})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return err
}
